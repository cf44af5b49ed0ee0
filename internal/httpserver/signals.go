package httpserver

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// Stopped is how a service ended: err, but nil if it was stopped while it still connected. Its context.Canceled is no
// failure then.
func Stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// StopSignals are the signals that end a program gracefully: Ctrl-C, SIGTERM,
// and SIGHUP, which a terminal sends when it is closed. What was ignored when
// the program started, as nohup does with SIGHUP, stays ignored.
func StopSignals() []os.Signal {
	stop := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		stop = append(stop, syscall.SIGHUP)
	}
	return stop
}

// IgnoreBrokenPipes keeps a service alive when the reader of its log goes away.
// Go ends a program at the first write to such a standard output or error; with
// SIGPIPE ignored the write is an error like any other, and a logger drops it.
func IgnoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }
