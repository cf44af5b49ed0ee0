package deploy_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = ".."

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(content)
}

// The Dockerfile sees only what .dockerignore lets through. Here the same
// files are laid out elsewhere, and the Go tool must find in them all that the
// four programs consist of, embedded files included.
func TestImagesAreBuiltFromTheirContext(t *testing.T) {
	var let []string
	var held []string
	for line := range strings.Lines(read(t, ".dockerignore")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, through := strings.CutPrefix(line, "!"); through {
			let = append(let, name)
		} else {
			held = append(held, line)
		}
	}
	require.Equal(t, []string{"*", "**/*_test.go", "**/testdata"}, held, "this test lays out what these rules say")

	elsewhere := t.TempDir()
	for _, name := range let {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "testdata":
				return filepath.SkipDir
			case entry.IsDir():
				return os.MkdirAll(filepath.Join(elsewhere, path[len(root):]), 0o755)
			case strings.HasSuffix(path, "_test.go"):
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(elsewhere, path[len(root):]), content, 0o600)
		}), name)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./worker", "./webhook", "./starter", "./sandbox")
	list.Dir = elsewhere
	output, err := list.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func TestDockerfile(t *testing.T) {
	dockerfile := read(t, "Dockerfile")
	stages := map[string]string{}
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+) AS (\S+)$`).FindAllStringSubmatch(dockerfile, -1) {
		stages[from[2]] = from[1]
	}
	module := read(t, "go.mod")
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(module)[1]
	require.Regexp(t, "^golang:"+regexp.QuoteMeta(version)+`-alpine\d+\.\d+$`, stages["build"],
		"the image builds with the Go of go.mod")
	require.Equal(t, "scratch", stages["base"])
	for _, program := range []string{"worker", "webhook", "starter", "sandbox"} {
		require.Equal(t, "base", stages[program])
		require.Contains(t, dockerfile, "COPY --from=build /out/bin/"+program+" /"+program+"\nENTRYPOINT [\"/"+program+
			"\"]\n")
		require.Contains(t, dockerfile, " ./"+program)
	}
	require.Len(t, stages, 6, "a stage nobody builds")
	require.Contains(t, dockerfile, "\nUSER 65532:65532\n")

	// The linker ignores a variable that is not there without a word.
	stamped := regexp.MustCompile(`-X (\S+)\.(\w+)=`).FindStringSubmatch(dockerfile)
	directory, ok := strings.CutPrefix(stamped[1], regexp.MustCompile(`(?m)^module (\S+)$`).FindStringSubmatch(module)[1]+
		"/")
	require.True(t, ok, "%s is not in this module", stamped[1])
	files, err := filepath.Glob(filepath.Join(root, directory, "*.go"))
	require.NoError(t, err)
	declared := false
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		declared = declared || strings.Contains(string(content), "\nvar "+stamped[2]+" string\n")
	}
	require.True(t, declared, "%s declares no variable %s to stamp", directory, stamped[2])
}
