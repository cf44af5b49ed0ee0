// Package deploy_test runs what production runs beside our programs: the
// script of a one-shot job, against programs that stand in for Temporal's own
// tools, record how they were called, and fail when told to.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool stands in for a program the scripts call. It writes its name and
// arguments to $CALLS and refuses the first $REFUSALS calls that contain
// $REFUSED.
const tool = `#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
case "$*" in *"${REFUSED:?}"*)
	if [ "$(grep -c -e "$REFUSED" "$CALLS")" -le "$REFUSALS" ]; then echo "refused: $*" >&2; exit 1; fi ;;
esac
`

// outcome is how one run of a script went.
type outcome struct {
	code   int
	stdout string
	stderr string
	calls  []string // of the tools and of sleep, in order
}

func run(t *testing.T, script string, environment ...string) outcome {
	t.Helper()
	bin := t.TempDir()
	calls := filepath.Join(bin, "calls")
	for _, name := range []string{"temporal-sql-tool", "sleep"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(tool), 0o755))
	}
	var stdout, stderr strings.Builder
	command := exec.CommandContext(t.Context(), "sh", filepath.Join("temporal", script))
	command.Stdout, command.Stderr = &stdout, &stderr
	// The script sees these variables alone: what compose does not set, it must not need.
	command.Env = append([]string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"CALLS=" + calls, "REFUSED=nothing at all", "REFUSALS=0",
	}, environment...)
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	recorded, err := os.ReadFile(calls)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return outcome{
		code:   command.ProcessState.ExitCode(),
		stdout: stdout.String(),
		stderr: stderr.String(),
		calls:  strings.FieldsFunc(string(recorded), func(r rune) bool { return r == '\n' }),
	}
}

var (
	database = []string{"SQL_PLUGIN=postgres12_pgx", "SQL_HOST=postgres", "SQL_PORT=5432", "SQL_USER=temporal",
		"SQL_PASSWORD=hunter2"}

	schemaCalls = []string{
		"temporal-sql-tool --database temporal create-database",
		"temporal-sql-tool --database temporal setup-schema --version 0.0",
		"temporal-sql-tool --database temporal update-schema --schema-name postgresql/v12/temporal",
		"temporal-sql-tool --database temporal_visibility create-database",
		"temporal-sql-tool --database temporal_visibility setup-schema --version 0.0",
		"temporal-sql-tool --database temporal_visibility update-schema --schema-name postgresql/v12/visibility",
	}
)

func TestScriptsDoTheirWork(t *testing.T) {
	for name, c := range map[string]struct {
		script      string
		environment []string
		calls       []string
		says        string
	}{
		"a database is brought to the schema": {
			"schema.sh", database, schemaCalls, "the schema is up to date\n",
		},
		"a database that is not up yet is waited for": {
			"schema.sh", append([]string{"REFUSED=temporal create-database", "REFUSALS=2"}, database...),
			append([]string{schemaCalls[0], "sleep 2", schemaCalls[0], "sleep 2"}, schemaCalls...), "the schema is up to date\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := run(t, c.script, c.environment...)
			require.Zero(t, o.code, o.stderr)
			require.Equal(t, c.calls, o.calls)
			require.Equal(t, c.says, o.stdout)
		})
	}
}

func TestScriptsGiveUp(t *testing.T) {
	for name, c := range map[string]struct {
		script      string
		environment []string
		tries       int // how often the refused call was made
		says        string
	}{
		"no database within 30 tries": {
			"schema.sh", append([]string{"REFUSED=create-database"}, database...), 30,
			"gave up after 30 tries: database temporal could not be created on postgres; if the lines above say " +
				`"password authentication failed", the volume keeps the password it was made with: set TEMPORAL_DB_PASSWORD ` +
				`to that one, or change it there (docs/operations.md, "The stack in containers")`,
		},
		"a schema that cannot be applied is not tried again": {
			"schema.sh", append([]string{"REFUSED=update-schema"}, database...), 1,
			"refused: --database temporal update-schema --schema-name postgresql/v12/temporal",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := run(t, c.script, append(c.environment, "REFUSALS=1000")...)
			require.Equal(t, 1, o.code)
			require.Empty(t, o.stdout, "no word of success")
			lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
			require.Equal(t, c.says, lines[len(lines)-1], "the last line is the sentence for a person")
			require.NotContains(t, o.stderr+strings.Join(o.calls, ""), "hunter2")

			refused := 0
			word, _ := strings.CutPrefix(c.environment[0], "REFUSED=")
			for _, call := range o.calls {
				if strings.Contains(call, word) {
					refused++
				}
			}
			require.Equal(t, c.tries, refused)
			require.Contains(t, o.calls[len(o.calls)-1], word, "nothing is done after giving up, not even waiting")
		})
	}
}

func TestScriptsRefuseToStartWithoutWhatTheyNeed(t *testing.T) {
	for name, c := range map[string]struct {
		script      string
		environment []string
		says        string
	}{
		"no password":        {"schema.sh", []string{"SQL_HOST=postgres"}, "SQL_PASSWORD is not set"},
		"an empty password":  {"schema.sh", []string{"SQL_HOST=postgres", "SQL_PASSWORD="}, "SQL_PASSWORD is not set"},
		"no database's host": {"schema.sh", []string{"SQL_PASSWORD=hunter2"}, "SQL_HOST is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			o := run(t, c.script, c.environment...)
			require.NotZero(t, o.code)
			require.Contains(t, o.stderr, c.says)
			require.Empty(t, o.calls)
		})
	}
}
