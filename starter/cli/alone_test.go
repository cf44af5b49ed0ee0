package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/tsatest"
)

// The released program verifies evidence and a pack with nothing else around it: no network, no environment, and an
// otherwise empty directory.
func TestTheReleasedProgramVerifiesAlone(t *testing.T) {
	variables, public := onRecord(t, "individualdeny", "notified")
	a := tsatest.New(t, "Time")
	stampLog(t, variables, a)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	code, _, stderr := starterWith(t, variables, "evidence", "notified", "--out", in("a.kyc"))
	require.Zero(t, code, stderr)
	code, _, stderr = starterWith(t, variables, "exam", "--seed", "7", "--sample", "2", "--out", in("pack.zip"))
	require.Zero(t, code, stderr)
	require.NoError(t, os.WriteFile(in("log.pub"), []byte(public), 0o600))
	require.NoError(t, os.WriteFile(in("roots.pem"), []byte(a.Root), 0o600))
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", in("starter"),
		"-ldflags", "-s -w -X durablekyc.example/internal/telemetry.Version="+telemetry.Version, "../")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	alone := func(args ...string) (string, error) {
		args = append([]string{"--user", "--map-root-user", "--net", in("starter")}, args...)
		command := exec.CommandContext(t.Context(), "unshare", args...)
		command.Dir, command.Env = dir, []string{}
		out, err := command.CombinedOutput()
		return string(out), err
	}
	if said, err := alone("--version"); err != nil {
		t.Logf("this system makes no network namespaces, so the program sees the network: %v: %s", err, said)
		alone = func(args ...string) (string, error) {
			command := exec.CommandContext(t.Context(), in("starter"), args...)
			command.Dir, command.Env = dir, []string{}
			out, err := command.CombinedOutput()
			return string(out), err
		}
	}
	said, err := alone("verify", "--key", "log.pub", "--tsa-roots", "roots.pem", "a.kyc", "pack.zip")
	require.NoError(t, err, said)
	require.Contains(t, said, "a.kyc: verified\n")
	require.Contains(t, said, "re-executed  verified\n")
	require.Contains(t, said, "pack.zip: verified\n")
	require.Equal(t, 3, strings.Count(said, "whose certificate was issued under a root of --tsa-roots\n"), said)
	data, err := os.ReadFile(in("a.kyc"))
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(in("a.kyc"), data, 0o600))
	said, err = alone("verify", "--key", "log.pub", "a.kyc")
	failed := &exec.ExitError{}
	require.ErrorAs(t, err, &failed, said)
	require.Equal(t, 3, failed.ExitCode(), said)
	require.True(t, strings.HasPrefix(said, "a.kyc: does not verify\n"), said)
}
