package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// go run ./dev --temporal: the services start on a Temporal that is there, prepare a namespace, and walk the demo. A
// second run finds the cases of the first one, and takes what it starts with in some seconds.
func TestTheDemoWalksOnATemporalThatIsThere(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	build(t, bin, "dev/attach")
	namespace := unheardOf("attached")
	once := func() string {
		command := exec.CommandContext(t.Context(), filepath.Join(bin, "dev", "attach"), "--temporal", one.temporal.Address,
			"--once", "--webhook-port", "0", "--admin-port", "0", "--sandbox-port", "0")
		command.Dir = dir
		command.Env = append(os.Environ(), "TEMPORAL_NAMESPACE="+namespace, "TEMPORAL_CONFIG_FILE="+os.DevNull)
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	first := once()
	require.Contains(t, first, "created        namespace "+namespace)
	require.Equal(t, 4, strings.Count(first, "created        search attribute"), first)
	require.Equal(t, 2, strings.Count(first, "ended: Approved"), first)
	require.Equal(t, 24*time.Hour, retentionOf(t, namespace))
	require.NoFileExists(t, filepath.Join(dir, ".dev", "env"))

	begun := time.Now()
	second := once()
	t.Logf("a second run took %s", time.Since(begun))
	require.Equal(t, 2, strings.Count(second, "is already decided: Approved"), second)
	require.NotContains(t, second, "created  ")

	// Somebody else's directory has other secrets: this worker would stop their cases.
	dir = t.TempDir()
	command := exec.CommandContext(t.Context(), filepath.Join(bin, "dev", "attach"), "--temporal", one.temporal.Address,
		"--webhook-port", "0", "--admin-port", "0", "--sandbox-port", "0")
	command.Dir = dir
	out, err := command.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "dev: a worker takes the cases of the namespace default already: choose another with "+
		"TEMPORAL_NAMESPACE=kyctrial\n", string(out))
}
