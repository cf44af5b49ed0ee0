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
		Consent: &kyc.Consent{Text: strings.Repeat("0f", 32), Version: "7", Language: "en", At: agreed,
			Notice: &kyc.ShownText{Text: strings.Repeat("a1", 32), Version: "3", Language: "en"}},
		Visit: &kyc.Visit{Language: "en", Device: "phone", Took: 190 * time.Second,
			Refused: []string{"front blurred", "front pdf"}}}
	require.NoError(t, c.CheckSubmission(s))
	c.Apply(kyc.Submitted{At: time.Now(), Submission: s})
	last := c.View().Timeline
	visited, consented, submitted := last[len(last)-3], last[len(last)-2], last[len(last)-1]
	require.Equal(t, "the applicant for cstap_1 used the page (phone, en, 3m10s; photos refused: front blurred, front pdf)",
		visited.String())
	require.Equal(t, kyc.EntryConsented, consented.What)
	require.Equal(t, agreed, consented.At)
	require.Equal(t, s.Consent, consented.Consent, "all of the hash, the version and the language")
	require.Equal(t, "the applicant for cstap_1 agreed to version 7 of the consent text (en, SHA-256 0f0f0f0f0f0f…), "+
		"after version 3 of the notice (en, SHA-256 a1a1a1a1a1a1…)",
		consented.String())
	require.Equal(t, kyc.EntrySubmitted, submitted.What)
}

// Where the page of this project took no consent, the timeline says so.
func TestAConsentGivenElsewhere(t *testing.T) {
	c := newCase()
	answered(&c, 0, single("pending_step_up", ""))
	sent := license("s1", person)
	sent.By = kyc.APIClient("1")
	c.Apply(kyc.Submitted{At: start, Submission: sent})
	v := c.View()
	last := v.Timeline[len(v.Timeline)-2]
	require.Equal(t, kyc.Entry{At: start, What: kyc.EntryConsentElsewhere, By: "api:1", Entity: person}, last)
	require.Equal(t, "consent for "+person+
		" was not given on the applicant's page; the sender of the images is responsible for it",
		last.String())
}

func TestWhatAConsentNeeds(t *testing.T) {
	text, at := strings.Repeat("0f", 32), start
	for name, test := range map[string]struct {
		consent *kyc.Consent
		says    string
	}{
		"all":            {&kyc.Consent{Text: text, Version: "2026-11", Language: "es-419", At: at}, ""},
		"elsewhere":      {kyc.ConsentElsewhere(), ""},
		"none":           {nil, "needs a consent, or to say that it was given elsewhere"},
		"nothing":        {&kyc.Consent{}, "hash of its text and its time"},
		"no text":        {&kyc.Consent{Version: "1", Language: "en", At: at}, "hash of its text and its time"},
		"a shorter hash": {&kyc.Consent{Text: text[1:], Version: "1", Language: "en", At: at}, "hash of its text"},
		"a longer hash":  {&kyc.Consent{Text: text + "0", Version: "1", Language: "en", At: at}, "hash of its text"},
		"not a hash": {&kyc.Consent{Text: text[2:] + "xx", Version: "1", Language: "en", At: at},
			"hash of its text"},
		"no time":    {&kyc.Consent{Text: text, Version: "1", Language: "en"}, "hash of its text and its time"},
		"no version": {&kyc.Consent{Text: text, Language: "en", At: at}, "version and the language"},
		"a version with space": {&kyc.Consent{Text: text, Version: "1 2", Language: "en", At: at},
			"version and the language"},
		"a notice": {&kyc.Consent{Text: text, Version: "1", Language: "en", At: at,
			Notice: &kyc.ShownText{Text: text, Version: "1", Language: "en"}}, ""},
		"a notice without a version": {&kyc.Consent{Text: text, Version: "1", Language: "en", At: at,
			Notice: &kyc.ShownText{Text: text, Language: "en"}}, "a notice needs the hash, the version and the language"},
		"a notice without a hash": {&kyc.Consent{Text: text, Version: "1", Language: "en", At: at,
			Notice: &kyc.ShownText{Version: "1", Language: "en"}}, "a notice needs the hash"},
		"no language": {&kyc.Consent{Text: text, Version: "1", At: at}, "version and the language"},
		"not a language": {&kyc.Consent{Text: text, Version: "1", Language: "english!", At: at},
			"version and the language"},
		"elsewhere, and here": {&kyc.Consent{Elsewhere: true, Text: text, Version: "1", Language: "en", At: at},
			"nothing else is known"},
	} {
		s := license("s1", person)
		s.Consent = test.consent
		if err := s.Validate(); test.says == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, test.says, name)
		}
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
