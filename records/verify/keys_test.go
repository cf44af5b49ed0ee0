package verify_test

import (
	"io"

	"durablekyc.example/records/recorder"
)

// plainKeys is a keyset that encrypts no key.
type plainKeys struct{ recorder.Keyset }

func (plainKeys) Decrypt(r io.Reader, _ string) (io.Reader, error) { return r, nil }
