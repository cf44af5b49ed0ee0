package activities

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// FuzzReading: what ConnectFi says of an application is, as a case hears it, of
// a bounded length and the same after it was written into a history: a watch
// would take any difference for news, and ask again at once.
func FuzzReading(f *testing.F) {
	for _, name := range []string{"callback", "identification_individual", "identification_business"} {
		body, err := os.ReadFile("../connectfi/testdata/" + name + ".json")
		require.NoError(f, err)
		f.Add(body)
	}
	f.Add([]byte(`{"code":"0","data":{"applicationId":"iapp_1","status":"` + strings.Repeat("x", maxValueLen-1) +
		`ä","outcome":null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, _, err := connectfi.ParseCallback(body)
		if err != nil || a.ApplicationID == "" {
			return // the client takes no such answer
		}
		r, err := reading(a, ReadRequest{Reference: a.Reference, CustomerID: a.CustomerID, ApplicationID: a.ApplicationID})
		require.NoError(t, err)
		words := []string{r.AggregatorID, string(r.Status), string(r.Outcome)}
		for _, e := range r.Entities {
			words = append(words, e.ID, string(e.Status), string(e.Outcome))
		}
		for _, word := range words {
			require.LessOrEqual(t, len(word), maxValueLen)
		}
		text, err := json.Marshal(r)
		require.NoError(t, err)
		var kept kyc.Snapshot
		require.NoError(t, json.Unmarshal(text, &kept))
		require.Equal(t, r.Fingerprint(), kept.Fingerprint())
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		c := kyc.New("A1", "c", kyc.DefaultPolicy(), now)
		c.Apply(kyc.StatusReceived{At: now, Reading: kept})
		version := c.Version
		c.Apply(kyc.StatusReceived{At: now, Reading: r})
		require.Equal(t, version, c.Version, "the same is no news")
		_, err = reading(a, ReadRequest{Reference: a.Reference + "x", CustomerID: a.CustomerID,
			ApplicationID: a.ApplicationID})
		require.Equal(t, a.Reference != "", err != nil)
		_, err = reading(a, ReadRequest{Reference: a.Reference, CustomerID: a.CustomerID, ApplicationID: a.ApplicationID +
			"x"})
		require.ErrorIs(t, err, errForeignAnswer)
	})
}
