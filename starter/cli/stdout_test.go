package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// room takes so many bytes.
type room struct{ left int }

func (f *room) Write(b []byte) (int, error) {
	n := min(len(b), f.left)
	if f.left -= n; n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// What could not be printed is an error, whatever the command: secrets that nobody got are lost.
func TestWhatCouldNotBePrintedIsAnError(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, line := range []string{"keys new", "--json keys new", "keys rotate", "doctor", "--json doctor", "--help",
		"keys --help"} {
		lookup := func(string) (string, bool) { return "", false }
		if line == "keys rotate" {
			var made bytes.Buffer
			require.Zero(t, Run(t.Context(), []string{"keys", "new"}, nil, &made, &made, lookup))
			lookup = func(name string) (string, bool) {
				for l := range strings.Lines(made.String()) {
					if value, is := strings.CutPrefix(strings.TrimSpace(l), name+"="); is {
						return strings.Trim(value, "'"), true
					}
				}
				return "", false
			}
		}
		for _, left := range []int{0, 10} {
			var stderr bytes.Buffer
			require.Equal(t, exitError, Run(t.Context(), strings.Fields(line), nil, &room{left}, &stderr, lookup), line)
			require.Contains(t, stderr.String(), "could not print all output: no space left on device", line)
		}
	}
}

// The same of a case, of which a part may have been printed.
func TestEveryPrintOfACaseIsLookedAt(t *testing.T) {
	v := heldView()
	for left := range 200 {
		to := &stdout{to: &room{left}}
		p := printer{stdout: to, stderr: new(bytes.Buffer), clock: func() time.Time { return started },
			zone: started.Location()}
		_ = p.begun(v)
		require.ErrorIs(t, to.err, syscall.ENOSPC)
	}
}

func TestAFullDeviceIsAnError(t *testing.T) {
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system has no /dev/full")
	}
	require.NoError(t, err)
	defer device.Close()
	program, err := exec.LookPath("starter") // testscript.Main puts it there
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, "keys", "new")
	var stderr bytes.Buffer
	command.Stdout, command.Stderr, command.Dir = device, &stderr, t.TempDir()
	require.Error(t, command.Run())
	require.Equal(t, exitError, command.ProcessState.ExitCode(), stderr.String())
	require.Contains(t, stderr.String(), "could not print all output")
}

func heldView() kyc.View {
	c := kyc.New("A1", company, kyc.DefaultPolicy(), started)
	c.Apply(kyc.StatusReceived{At: started, Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: "strange"}})
	return c.View()
}

func TestAStartedCaseSaysLastWhoMustAct(t *testing.T) {
	var text bytes.Buffer
	p := printer{stdout: &text, clock: func() time.Time { return started }, zone: started.Location()}
	require.NoError(t, p.begun(heldView()))
	require.True(t, strings.HasSuffix(text.String(), "\nA1 is held and waits for an operator\n"), text.String())
	require.Equal(t, exitUndecided, decided{kyc.Held}.code(), "which start --wait ends with")
}
