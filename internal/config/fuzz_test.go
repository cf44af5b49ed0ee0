package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDevFile: what is read is what whoever writes the file meant by its lines,
// and no error tells what is on one.
func FuzzDevFile(f *testing.F) {
	f.Add("# addresses\nTEMPORAL_ADDRESS=127.0.0.1:7233\n\nA=1=2\nB=\n")
	f.Add("A=1\r\nA=2\r\n")
	f.Add("A=1\nnonsense s3cret\n")
	f.Add("=nobody's\n")
	f.Add("A='it'\\''s'\nB='\nC={\"a\": 1}\n")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parse(strings.NewReader(text), ".dev/env")
		if err != nil {
			require.Nil(t, values)
			require.Regexp(t, `^(line \d+ of \.dev/env is not NAME=value|cannot read \.dev/env: bufio\.Scanner: token too `+
				`long)$`, err.Error())
			return
		}
		var again strings.Builder
		for name, value := range values {
			require.NotEmpty(t, name)
			require.NotContains(t, name+value, "\n", "a variable has one line")
			require.NotContains(t, name, "=")
			require.Equal(t, strings.TrimSpace(name), name, "no variable can have this name")
			again.WriteString(DevLine(name, value))
		}
		same, err := parse(strings.NewReader(again.String()), ".dev/env")
		require.NoError(t, errors.Unwrap(err))
		require.Equal(t, values, same, "written again it says the same")
	})
}
