package bundle_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/records/bundle"
)

// Whatever is read as a bundle is written again byte for byte.
func FuzzRead(f *testing.F) {
	m, parts := sample("A1")
	b, err := bundle.New(m, parts, flip)
	require.NoError(f, err)
	f.Add(b.Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := bundle.Read(data, nil)
		if err == nil && !bytes.Equal(read.Encode(), data) {
			t.Fatal("it is written otherwise than it was read")
		}
	})
}
