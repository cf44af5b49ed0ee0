package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/config"
)

type flags struct {
	Listen string `env:"KYC_LISTEN" default:"127.0.0.1:8080" help:"Where to listen."`
	Secret string `env:"KYC_SECRET" required:"" help:"Signs everything."`
}

func parse(t *testing.T, variables map[string]string, args ...string) (f flags, help string, err error) {
	t.Helper()
	var out strings.Builder
	parser, err := kong.New(&f, kong.Writers(&out, &out), kong.Exit(func(int) {}), config.Flags(config.Map(variables)))
	require.NoError(t, err)
	_, err = parser.Parse(args)
	return f, strings.Join(strings.Fields(out.String()), " "), err
}

func TestFlagsAskTheLookupAndNotTheProcess(t *testing.T) {
	t.Setenv("KYC_LISTEN", "the process' own")
	t.Setenv("KYC_SECRET", "the process' own")
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("s3cret\n"), 0o600))

	f, _, err := parse(t, map[string]string{"KYC_SECRET_FILE": file})
	require.NoError(t, err)
	require.Equal(t, flags{Listen: "127.0.0.1:8080", Secret: "s3cret"}, f)

	f, _, err = parse(t, map[string]string{"KYC_SECRET": "s", "KYC_LISTEN": ":1"}, "--listen=:2")
	require.NoError(t, err)
	require.Equal(t, flags{Listen: ":2", Secret: "s"}, f, "a flag goes before a variable")

	f, _, err = parse(t, map[string]string{"KYC_SECRET": "s", "KYC_LISTEN": ""})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", f.Listen,
		"a variable that is set to nothing leaves the default: not every interface at any port")

	_, _, err = parse(t, nil)
	require.ErrorContains(t, err, "missing flags: --secret")
	_, _, err = parse(t, map[string]string{"KYC_SECRET": "s3cret", "KYC_SECRET_FILE": file})
	require.EqualError(t, err, "--secret: both KYC_SECRET and KYC_SECRET_FILE are set: unset one of them")
}

// Wrong usage ends every program with 2, and anything else with its own code.
func TestWrongUsageEndsWithTwo(t *testing.T) {
	var code int
	var f flags
	var out strings.Builder
	parser, err := kong.New(&f, kong.Writers(&out, &out), kong.Exit(func(c int) { code = c }),
		config.Flags(config.Map(map[string]string{"KYC_SECRET": "s"})))
	require.NoError(t, err)
	_, err = parser.Parse([]string{"--nothing-of-ours"})
	parser.FatalIfErrorf(err)
	require.Equal(t, 2, code)
	parser.FatalIfErrorf(errors.New("Temporal does not answer"))
	require.Equal(t, 1, code)
}

func TestHelpTellsWhatIsSetAndNeverToWhat(t *testing.T) {
	_, help, _ := parse(t, map[string]string{"KYC_SECRET": "s3cret"}, "--help")
	require.Contains(t, help, "Signs everything. [KYC_SECRET or KYC_SECRET_FILE: set]")
	require.Contains(t, help, "Where to listen. [KYC_LISTEN or KYC_LISTEN_FILE: not set]")
	require.NotContains(t, help, "s3cret")
	_, help, _ = parse(t, map[string]string{"KYC_SECRET_FILE": "nowhere"}, "--help")
	require.Contains(t, help, "[KYC_SECRET or KYC_SECRET_FILE: cannot read the file named by KYC_SECRET_FILE")
}
