//go:build prometheus

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// promtool is Prometheus' own tool: that of `make tools`, or an installed one.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, ".dev", "prometheus", "usr", "bin", "promtool"))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		path = "promtool"
	}
	command := exec.CommandContext(t.Context(), path, args...)
	command.Dir = "observability"
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
}

func TestPrometheusTakesItsConfiguration(t *testing.T) {
	promtool(t, "check", "config", "--syntax-only", "prometheus.yml")
	promtool(t, "check", "rules", "alerts.yaml")
}

// With numbers: alerts_test.yaml says which alert fires on which.
func TestAlertsFireOnTheirFaults(t *testing.T) { promtool(t, "test", "rules", "alerts_test.yaml") }
