package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
)

// TestMain lets the stories below run this program as a command.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"webhook": main}) }

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: draw})
}

// draw gives a story secrets of its own, as files and the link key as $DRAWN:
// what is printed in a story is an example, which no service starts with.
func draw(story *testscript.Env) error {
	keyset, err := encryption.NewKeyset()
	for name, secret := range map[string]string{"keyset": keyset, "link_keys": linktoken.NewKey() + "\n" +
		linktoken.NewKey(), "api_tokens": linktoken.NewKey()} {
		err = errors.Join(err, os.WriteFile(filepath.Join(story.WorkDir, name), []byte(secret+"\n"), 0o600))
	}
	story.Setenv("DRAWN", linktoken.NewKey())
	story.Setenv("KEYSET", keyset)
	return err
}

// Whatever the variables hold, neither the help nor a mistake on the command
// line tells it.
func TestNothingTellsWhatAVariableHolds(t *testing.T) {
	held := map[string]string{}
	for field := range reflect.TypeFor[settings]().Fields() {
		if name := field.Tag.Get("env"); name != "" && field.Type.Kind() == reflect.String {
			held[name] = "MARKER-" + name
		}
	}
	held["KYC_LOG"] = "text" // of those that are no secret, kong says what is wrong with them
	for _, args := range [][]string{{"--help"}, {"--nonsense"}, {"nonsense"}, {"--listen"}, {"--check=MAYBE"}, {}} {
		var s settings
		var out strings.Builder
		parser, err := kong.New(&s, kong.Name("webhook"), kong.Vars{"version": "v"}, kong.Writers(&out, &out),
			kong.Exit(func(int) {}), config.Flags(config.Map(held)))
		require.NoError(t, err)
		if _, err := parser.Parse(args); err != nil {
			out.WriteString(err.Error())
		}
		require.NotContains(t, out.String(), "MARKER", "%q", args)
		if len(args) == 1 && args[0] == "--help" {
			help := strings.Join(strings.Fields(out.String()), " ")
			for name := range held {
				require.Contains(t, help, name+" or "+name+"_FILE: set]")
			}
		}
	}
}
