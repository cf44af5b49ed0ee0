package kyc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// An operator's name is what a user name or an e-mail address can be.
func TestNamesOfOperators(t *testing.T) {
	for _, name := range []string{"anna", "anna.smith@example.com", "7", strings.Repeat("a", 64)} {
		by, ok := kyc.Operator(name)
		require.True(t, ok, name)
		require.Equal(t, kyc.Actor("operator:"+name), by)
	}
	for _, name := range []string{"", " anna", "anna smith", ".anna", "a\nb", "ännä", strings.Repeat("a", 65)} {
		_, ok := kyc.Operator(name)
		require.False(t, ok, name)
	}
}

// Each line says who caused it. What came without an actor, or with one that there cannot be, came by Temporal's tools.
func TestWhoActed(t *testing.T) {
	c := newCase()
	c.StartedBy(kyc.APIClient("1"))
	anna, _ := kyc.Operator("anna")
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback})
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintCallback, Actor: kyc.ActorTemporal})
	c.Apply(kyc.ChangeHinted{At: start, By: kyc.HintRefresh, Actor: anna})
	c.Apply(kyc.LinksRevoked{At: start, By: "operator:two\nlines"})
	c.Apply(kyc.LinksRevoked{At: start, By: "somebody"})
	c.Apply(kyc.StatusReceived{At: start, Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: "waiting_review",
		RequestID: "r1", SHA256: "aa"}, Covers: c.HintsReceived})
	c.Apply(kyc.WithdrawRequested{At: start})
	var who []string
	for _, e := range c.View().Timeline {
		who = append(who, e.What+" "+string(e.By)+" "+e.RequestID)
	}
	require.Equal(t, []string{"started api:1 ", "callback connectfi ", "callback operator:temporal ",
		"refresh operator:anna ", "links_revoked operator:temporal ", "links_revoked operator:temporal ",
		"identified connectfi r1",
		"in_review connectfi r1", "withdrawn operator:temporal "}, who)
	require.Equal(t, "r1", c.View().RequestID)
	require.Equal(t, "aa", c.View().AnswerSum)
}
