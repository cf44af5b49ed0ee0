package kyc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

func TestConsentIsToldWithTheImages(t *testing.T) {
	c := kyc.New("A1", "cstap_1", kyc.DefaultPolicy(), time.Now())
	wants := kyc.EntitySnapshot{ID: "cstap_1", IsCustomer: true, Status: "pending_step_up"}
	c.Apply(kyc.StatusReceived{At: time.Now(), Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: "pending_step_up",
		Entities: []kyc.EntitySnapshot{wants}}})
	agreed := time.Now().Add(-time.Minute)
	s := kyc.Submission{ID: "s1", Entity: "cstap_1", Type: "passport", Images: []kyc.Image{{Key: "k", Side: kyc.Front,
		Extension: "jpg"}},
		Consent: &kyc.Consent{Text: strings.Repeat("0f", 32), Language: "en", At: agreed}}
	require.NoError(t, c.CheckSubmission(s))
	c.Apply(kyc.Submitted{At: time.Now(), Submission: s})
	last := c.View().Timeline
	consented, submitted := last[len(last)-2], last[len(last)-1]
	require.Equal(t, kyc.EntryConsented, consented.What)
	require.Equal(t, agreed, consented.At)
	require.Equal(t, "who sends for cstap_1 agreed to the text 0f0f0f0f0f0f", consented.String())
	require.Equal(t, kyc.EntrySubmitted, submitted.What)

	for name, consent := range map[string]kyc.Consent{
		"no text": {Language: "en", At: agreed}, "no time": {Text: s.Consent.Text, Language: "en"},
	} {
		s.Consent = &consent
		require.ErrorContains(t, c.CheckSubmission(s), "hash of its text and its time", name)
	}
}

func TestLinksAreRevokedByCounting(t *testing.T) {
	c := kyc.New("A1", "cstap_1", kyc.DefaultPolicy(), time.Now())
	before := c.View()
	c.Apply(kyc.LinksRevoked{At: time.Now()})
	after := c.View()
	require.Equal(t, before.Links+1, after.Links)
	require.Greater(t, after.Version, before.Version)
	require.Equal(t, before.Stage, after.Stage)
}
