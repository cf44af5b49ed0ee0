package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README's commands for a running stack work as they are printed. Only the
// programs are built before, ports are those of this stack, and references are
// the test's own.
func TestTheReadmesCommandsWork(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	build(t, bin, "starter", "examples/client")
	_, err := one.vars.Write(filepath.Join(dir, ".dev", "env"))
	require.NoError(t, err)
	examples, err := filepath.Abs(filepath.Join(root, "examples"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(examples, filepath.Join(dir, "examples")))
	here := strings.NewReplacer("go run ./", bin+"/", "http://127.0.0.1:8080", one.webhook,
		"curl ", "curl --silent --show-error --fail ", "A1", "readmeA1", "A2", "readmeA2", `"http1"`, `"readmehttp1"`)
	// Left out are code, output, an installation, and what runs until it is stopped.
	leftOut := regexp.MustCompile(`^(\$|make)|examples/receiver`)
	blocks := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	ran := 0
	for _, block := range blocks.FindAllStringSubmatch(text(t, "README.md"), -1) {
		language, script := block[1], block[2]
		if language != "" || leftOut.MatchString(script) {
			continue
		}
		command := exec.CommandContext(t.Context(), "sh", "-e", "-c", here.Replace(script))
		command.Dir = dir
		command.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+one.temporal.Address, "TEMPORAL_CONFIG_FILE="+os.DevNull)
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s\n%s", script, out)
		ran++
	}
	require.Equal(t, 3, ran)
}
