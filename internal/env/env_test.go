package env_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/env"
)

func TestValue(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("from a file\r\n"), 0o600))
	tests := []struct {
		name      string
		variables map[string]string
		value     string
		ok        bool
		problem   string
	}{
		{"not set", nil, "", false, ""},
		{"set", map[string]string{"A": "a"}, "a", true, ""},
		{"set to nothing", map[string]string{"A": ""}, "", true, ""},
		{"by file", map[string]string{"A_FILE": secret}, "from a file", true, ""},
		{"both", map[string]string{"A": "a", "A_FILE": secret}, "", false, "both A and A_FILE are set: unset one of them"},
		{"no such file", map[string]string{"A_FILE": secret + "not"}, "", false, "the file that A_FILE names cannot be read: no such file or directory"},
		{"a directory", map[string]string{"A_FILE": filepath.Dir(secret)}, "", false, "the file that A_FILE names cannot be read: is a directory"},
		{"the secret itself instead of its file", map[string]string{"A_FILE": "s3cret"}, "", false, "the file that A_FILE names cannot be read: no such file or directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			value, ok, err := env.Map(test.variables).Value("A")
			require.Equal(t, test.value, value)
			require.Equal(t, test.ok, ok)
			if test.problem == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.problem)
			}
		})
	}
}

func TestChain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("file"), 0o600))
	first := env.Map(map[string]string{"A": "1", "C_FILE": file, "D": "1"})
	second := env.Map(map[string]string{"A": "2", "B": "2", "C": "2", "D_FILE": file})
	for name, want := range map[string]string{
		"A": "1", "B": "2",
		"C": "file", // a file in the first place goes before a value in the second
		"D": "1",    // and the other way round
		"E": "",
	} {
		value, ok, err := env.Chain(first, second).Value(name)
		require.NoError(t, err, name)
		require.Equal(t, want, value, name)
		require.Equal(t, want != "", ok, name)
	}
}

func TestDevFile(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())

	path := filepath.Join(t.TempDir(), "env")
	values, stale, err := env.DevFile(path)
	require.NoError(t, err)
	require.Nil(t, values)
	require.False(t, stale, "nothing there is nothing stale")

	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write("# addresses\nTEMPORAL_ADDRESS=" + listener.Addr().String() + "\n\nA=1=2\nB=\n")
	values, stale, err = env.DevFile(path)
	require.NoError(t, err)
	require.False(t, stale)
	require.Equal(t, map[string]string{"TEMPORAL_ADDRESS": listener.Addr().String(), "A": "1=2", "B": ""}, values)

	write("TEMPORAL_ADDRESS=" + gone.Addr().String() + "\n")
	_, stale, err = env.DevFile(path)
	require.NoError(t, err)
	require.True(t, stale)

	write("A=1\nnonsense s3cret\n")
	_, _, err = env.DevFile(path)
	require.EqualError(t, err, "line 2 of "+path+" is not NAME=value", "the line itself may be a secret")
}
