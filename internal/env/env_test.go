package env_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/env"
)

func TestValue(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("from a file\n"), 0o600))
	lookup := env.Chain(env.Map(map[string]string{"A": "a", "B_FILE": file, "C": "c", "C_FILE": file, "D_FILE": file + "-not"}),
		env.Map(map[string]string{"A": "later", "E": "e"}))
	for name, want := range map[string]string{"A": "a", "B": "from a file", "E": "e", "F": ""} {
		value, ok, err := lookup.Value(name)
		require.NoError(t, err)
		require.Equal(t, want, value)
		require.Equal(t, want != "", ok)
	}
	_, _, err := lookup.Value("C")
	require.EqualError(t, err, "both C and C_FILE are set: unset one of them")
	_, _, err = lookup.Value("D")
	require.ErrorContains(t, err, "D_FILE")

	var flags struct {
		Secret string `env:"B"`
	}
	parser, err := kong.New(&flags, kong.Resolvers(env.Resolver(lookup)))
	require.NoError(t, err)
	_, err = parser.Parse(nil)
	require.NoError(t, err)
	require.Equal(t, "from a file", flags.Secret)
}

func TestDevFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	values, err := env.DevFile(file)
	require.NoError(t, err)
	require.Empty(t, values)
	require.NoError(t, os.WriteFile(file, []byte("# addresses\nA=1=2\n\nB=\n"), 0o600))
	values, err = env.DevFile(file)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"A": "1=2", "B": ""}, values)
	require.NoError(t, os.WriteFile(file, []byte("nonsense"), 0o600))
	_, err = env.DevFile(file)
	require.ErrorContains(t, err, "NAME=value")
}
