package kyc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// Cases run by these when nobody says otherwise: a change of one is a change for everybody.
func TestTheDefaultPolicy(t *testing.T) {
	text, err := json.Marshal(kyc.DefaultPolicy())
	require.NoError(t, err)
	require.JSONEq(t, `{"documents":"720h0m0s","reminders":["72h0m0s","168h0m0s","336h0m0s","672h0m0s"],"case":"2160h0m0s",
		"read_first":"1m0s","read_max":"6h0m0s","read_documents":"24h0m0s","settle":"30s"}`, string(text))
	require.NoError(t, kyc.DefaultPolicy().Validate())
}

// A policy on both sides of every bound.
func TestBoundsOfAPolicy(t *testing.T) {
	const nanosecond = kyc.Duration(1)
	longest := kyc.Duration(400 * day)
	for name, test := range map[string]struct {
		change func(*kyc.Policy)
		says   string
	}{
		"documents, the least": {func(p *kyc.Policy) { p.Documents = nanosecond }, ""},
		"no documents": {func(p *kyc.Policy) { p.Documents = 0 },
			"policy: documents must be more than zero"},
		"a case, the least":  {func(p *kyc.Policy) { p.Case = nanosecond }, ""},
		"no case":            {func(p *kyc.Policy) { p.Case = 0 }, "policy: case must be more than zero"},
		"a case of 400 days": {func(p *kyc.Policy) { p.Case = longest }, ""},
		"and more": {func(p *kyc.Policy) { p.Case = longest + nanosecond },
			"policy: case must not be more than 9600h (400 days)"},
		"no first read": {func(p *kyc.Policy) { p.ReadFirst = 0 },
			"policy: read_first must be more than zero"},
		"one pace": {func(p *kyc.Policy) { p.ReadMax = p.ReadFirst }, ""},
		"the last faster than the first": {func(p *kyc.Policy) { p.ReadMax = p.ReadFirst - nanosecond },
			"policy: read_max must not be less than read_first"},
		"documents never read": {func(p *kyc.Policy) { p.ReadDocuments = 0 },
			"policy: read_documents must be more than zero"},
		"documents read once a day": {func(p *kyc.Policy) { p.ReadDocuments = kyc.Duration(day) }, ""},
		"and less often": {func(p *kyc.Policy) { p.ReadDocuments = kyc.Duration(day) + nanosecond },
			"policy: read_documents must not be more than 24h"},
		"no time to settle":  {func(p *kyc.Policy) { p.Settle = 0 }, ""},
		"less":               {func(p *kyc.Policy) { p.Settle = -nanosecond }, "policy: settle must not be negative"},
		"no reminders":       {func(p *kyc.Policy) { p.Reminders = nil }, ""},
		"a reminder at once": {func(p *kyc.Policy) { p.Reminders = []kyc.Duration{nanosecond} }, ""},
		"sooner": {func(p *kyc.Policy) { p.Reminders = []kyc.Duration{0} },
			"policy: reminders must be more than zero and in ascending order"},
		"rising reminders": {func(p *kyc.Policy) { p.Reminders = []kyc.Duration{1, 2, 3} }, ""},
		"two at the same time": {func(p *kyc.Policy) { p.Reminders = []kyc.Duration{1, 2, 2} },
			"policy: reminders must be more than zero and in ascending order"},
		"falling ones": {func(p *kyc.Policy) { p.Reminders = []kyc.Duration{2, 1} },
			"policy: reminders must be more than zero and in ascending order"},
		"everything at once": {func(p *kyc.Policy) { *p = kyc.Policy{} }, "policy: documents must be more than zero\n" +
			"policy: case must be more than zero\npolicy: read_first must be more than zero\npolicy: read_max must be more " +
			"than zero\n" +
			"policy: read_documents must be more than zero"},
	} {
		t.Run(name, func(t *testing.T) {
			p := kyc.DefaultPolicy()
			test.change(&p)
			if err := p.Validate(); test.says == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.says)
			}
		})
	}
}

// A word of ConnectFi's in a sentence of ours: letters, digits, _ and - as they are, the rest hidden, and at most 48
// of it.
func TestAWordOfConnectFisIsShownHarmlessly(t *testing.T) {
	long := strings.Repeat("a", 48)
	for word, shown := range map[string]string{
		"":                      "(none)",
		"azAZ09_-":              "“azAZ09_-”",
		"step-up":               "“step-up”",
		"`{@[/:^.,":             "“?????????”",
		"Jane Döe<br>":          "“Jane?D?e?br?”",
		"ü日":                    "“??”",
		long:                    "“" + long + "”",
		long + "b":              "“" + long + "…”",
		strings.Repeat("日", 48): "“" + strings.Repeat("?", 48) + "”",
	} {
		c := newCase()
		answered(&c, 0, single(kyc.Status(word), ""))
		require.Equal(t, "ConnectFi returned the status "+shown+", which its documentation does not list", c.Reason)
	}
}

// Of several entities that nobody understands, the first is named: the customer, then by id.
func TestTheFirstStrangeEntityIsNamed(t *testing.T) {
	c := kyc.New("B1", business, kyc.DefaultPolicy(), start)
	answered(&c, 0, team("running", "strange", "running", "stranger"))
	require.Equal(t, "ConnectFi returned an undocumented status for the entity cstap_1", c.Reason)
}

func TestTheTypeOfACustomerIsItsPrefix(t *testing.T) {
	for id, want := range map[string]kyc.CustomerType{
		"cstap_1": kyc.Individual, "cstab_1": kyc.Business, "cstap_": kyc.UnknownCustomer, "cstab_": kyc.UnknownCustomer,
		"": kyc.UnknownCustomer, "cstap": kyc.UnknownCustomer, "cstax_1": kyc.UnknownCustomer,
		"xcstap_1": kyc.UnknownCustomer, "CSTAP_1": kyc.UnknownCustomer,
	} {
		require.Equal(t, want, kyc.CustomerTypeOf(id), id)
	}
}

// What a submission lacks is said, all of it.
func TestASubmissionSaysWhatItLacks(t *testing.T) {
	image := func(change func(*kyc.Image)) kyc.Submission {
		s := license("s1", person)
		change(&s.Images[0])
		return s
	}
	for name, test := range map[string]struct {
		change func(*kyc.Submission)
		says   string
	}{
		"nothing": {func(*kyc.Submission) {}, ""},
		"its id":  {func(s *kyc.Submission) { s.ID = "" }, "the submission has no id"},
		"its consent": {func(s *kyc.Submission) { s.Consent = nil },
			"a submission needs a consent, or to say that it was given elsewhere"},
		"a key": {func(s *kyc.Submission) { *s = image(func(i *kyc.Image) { i.Key = "" }) },
			"an image has no key"},
		"another extension": {func(s *kyc.Submission) { *s = image(func(i *kyc.Image) { i.Extension = "gif" }) },
			`an image must be jpg or png, not "gif"`},
		"a side": {func(s *kyc.Submission) { *s = image(func(i *kyc.Image) { i.Side = kyc.Back }) },
			"duplicate back\nthe front of the license is missing"},
		"another side": {func(s *kyc.Submission) { *s = image(func(i *kyc.Image) { i.Side = "left" }) },
			"a license has no side \"left\"\nthe front of the license is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := license("s1", person)
			test.change(&s)
			if err := s.Validate(); test.says == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.says)
			}
		})
	}
}
