package httpserver

import (
	"os"
	"os/signal"
	"syscall"
)

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
