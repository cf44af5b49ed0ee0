package cli

import (
	"fmt"
	"io"
)

// stdout is standard output that remembers what could not be written: a full
// disk must not look like a command that printed everything.
type stdout struct {
	to  io.Writer
	err error // the first one
}

func (s *stdout) Write(b []byte) (int, error) {
	if s.err != nil { // what follows a gap would be misread
		return 0, s.err
	}
	n, err := s.to.Write(b)
	s.err = err
	return n, err
}

// unprinted is why a command failed that did everything but print it.
func unprinted(err error) error {
	return &cliError{err: fmt.Errorf("could not print all output: %w", err),
		next: "run the same command with another output"}
}
