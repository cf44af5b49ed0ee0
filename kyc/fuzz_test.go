package kyc_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// FuzzParsePolicy: a policy that is taken says the same when it is written, and
// a case can live by it; one that is not says in lines of its own what is wrong.
func FuzzParsePolicy(f *testing.F) {
	for _, text := range []string{"", "{}", "null",
		`{"documents":"720h","reminders":["72h","168h","336h","672h"],"case":"2160h","read_first":"1m","read_max":"6h",` +
			`"settle":"30s"}`, `{"read_documents":"1h"}`, `{"read_documents":"25h"}`, `{"read_documents":"0s"}`,
		`{"documents":"1ns","reminders":[],"case":"9600h","settle":"0s"}`, `{"documents":"2562047h","reminders":["2562047h"]}`,
		`{"documents":48}`, `{"documents":"9700h","case":"9601h"}`, `{"read_first":"7h"}`, `{"document":"48h"}`,
		`{"reminders":["2h","1h"]}`, `{} {}`, `{"reminders":null}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := kyc.ParsePolicy(text)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				require.True(t, strings.HasPrefix(line, "policy: "), line)
			}
			return
		}
		require.NoError(t, p.Validate())
		require.LessOrEqual(t, p.ReadFirst, p.ReadMax)
		written, err := json.Marshal(p)
		require.NoError(t, err)
		same, err := kyc.ParsePolicy(string(written))
		require.NoError(t, err)
		require.Len(t, same.Reminders, len(p.Reminders))
		p.Reminders, same.Reminders = append([]kyc.Duration{}, p.Reminders...), append([]kyc.Duration{}, same.Reminders...)
		require.Equal(t, p, same)

		c := kyc.New("A1", person, p, start)
		c.Apply(kyc.StatusReceived{At: start, Reading: single("pending_step_up", "")})
		for now, steps := start, 0; !c.Stage.Final(); steps++ {
			require.Less(t, steps, 2*len(p.Reminders)+4, "it gets nowhere")
			need := c.Next(now)
			require.False(t, need.At.Before(now), "no hour of a case lies behind it")
			require.False(t, need.At.After(start.Add(400*day)))
			if now = need.At; need.Action == kyc.ActionWait {
				c.Apply(kyc.TimerFired{At: now})
			} else {
				c.Apply(kyc.StatusReceived{At: now, Reading: single("pending_step_up", ""), Covers: need.UpToHint})
			}
		}
		require.Equal(t, kyc.Expired, c.Stage)
		require.Equal(t, min(time.Duration(p.Documents), time.Duration(p.Case)), c.EndedAt.Sub(start))
	})
}
