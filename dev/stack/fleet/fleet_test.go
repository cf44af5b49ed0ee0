package fleet

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A program that ended by itself does not run, and can be started again.
func TestAProgramThatDiedIsStartedAgain(t *testing.T) {
	log, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer log.Close()
	p := &Program{Name: "p", Path: "/bin/sh", Args: []string{"-c", "echo started; exec sleep 0.1"}, Log: log,
		Ready: func(context.Context) error { return nil }}
	require.NoError(t, p.Start(t.Context()))
	require.True(t, p.Running())
	require.False(t, p.Died())
	require.Eventually(t, p.Died, 10*time.Second, 10*time.Millisecond)
	require.False(t, p.Running())
	p.Args[1] = "echo again; exec sleep 60"
	require.NoError(t, p.Start(t.Context()))
	require.True(t, p.Running())
	require.NoError(t, p.End(os.Kill))
	require.False(t, p.Died(), "it was ended")

	p.Args[1] = "exit 1"
	p.Ready = func(context.Context) error {
		time.Sleep(200 * time.Millisecond) // it has ended by now, and who starts it does not know yet
		require.False(t, p.Died(), "it has never been ready")
		return errors.New("not yet")
	}
	require.ErrorContains(t, p.Start(t.Context()), "ended by itself")
}
