package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// TestStories runs the built starter, as a process, against the whole system:
// what docs/cli.md lists, and what it then prints and ends with.
func TestStories(t *testing.T) {
	bin := t.TempDir()
	build(t, bin, "starter")
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "stories"), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("TEMPORAL_CONFIG_FILE", os.DevNull)
			for _, v := range one.vars {
				env.Setenv(v[0], v[1])
			}
			for _, kind := range []string{"approve", "deny", "step_up", "review"} {
				env.Setenv(strings.ToUpper(kind), customers(t, "individual", kind, 1)[0])
			}
			writeLicense(t, env.Cd, filepath.Base(env.WorkDir))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ends":   ends,
			"review": func(ts *testscript.TestScript, _ bool, args []string) { reviewed(t, ts, args) },
		},
	})
}

// ends runs a command that must end with the exit code given.
func ends(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := err.(*exec.ExitError); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%v ended with %d, not %s", args[1:], code, args[0])
	}
}

// reviewed decides the case of a reference at the sandbox.
func reviewed(t *testing.T, ts *testscript.TestScript, args []string) {
	view, err := one.cases.Show(t.Context(), args[0])
	ts.Check(err)
	decide(t, view, args[1])
}

// compiled are programs that are built once for all tests, into dir.
var compiled = struct {
	sync.Mutex
	dir   string
	built map[string]bool
}{built: map[string]bool{}}

// build compiles programs of the root module, and links to them in a folder.
func build(t *testing.T, dir string, names ...string) {
	t.Helper()
	compiled.Lock()
	defer compiled.Unlock()
	for _, name := range names {
		path := filepath.Join(compiled.dir, name)
		if !compiled.built[name] {
			command := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./"+name)
			command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=0")
			out, err := command.CombinedOutput()
			require.NoError(t, err, "%s", out)
			compiled.built[name] = true
		}
		link := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o700))
		require.NoError(t, os.Symlink(path, link))
	}
}

// linkTo is the link for an entity of a case, or for all of them.
func linkTo(t *testing.T, v kyc.View, entity string) string {
	t.Helper()
	args := []string{"link", v.Reference}
	if entity != "" {
		args = append(args, "--entity", entity)
	}
	code, out, stderr := starter(t, args...)
	require.Zero(t, code, stderr)
	return strings.TrimSpace(out)
}

func individual(t *testing.T, reference, scenario string) kyc.View {
	return begin(t, reference, customers(t, "individual", scenario, 1)[0], patient())
}
