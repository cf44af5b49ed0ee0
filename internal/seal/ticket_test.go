package seal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/seal"
)

var (
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ticket = seal.Ticket{Subject: "extRefBApp100", Part: "entap_1", Epoch: 2, Expires: noon.Add(time.Hour), Nonce: "n"}
)

func TestATicketSaysWhatItWasMadeFor(t *testing.T) {
	k := keys(t, newer)
	text := k.Issue(seal.Link, ticket)
	require.Regexp(t, `^[0-9A-Za-z_-]+$`, text)
	got, err := k.Redeem(seal.Link, text, noon)
	require.NoError(t, err)
	require.True(t, got.Expires.Equal(ticket.Expires))
	got.Expires = ticket.Expires
	require.Equal(t, ticket, got)

	rotated := keys(t, older+","+newer)
	_, err = rotated.Redeem(seal.Link, text, noon)
	require.NoError(t, err, "an old key is still taken")
	_, err = keys(t, older).Redeem(seal.Link, text, noon)
	require.ErrorIs(t, err, seal.ErrForged)
}

func TestATicketEnds(t *testing.T) {
	k := keys(t, newer)
	got, err := k.Redeem(seal.Link, k.Issue(seal.Link, ticket), ticket.Expires)
	require.ErrorIs(t, err, seal.ErrExpired)
	require.Equal(t, ticket.Subject, got.Subject, "whoever is late is told about which case")
}

func TestATicketCannotBeMadeOrChanged(t *testing.T) {
	k := keys(t, newer)
	text := k.Issue(seal.Link, ticket)
	for i := range text {
		changed := "A"
		if text[i] == 'A' {
			changed = "B"
		}
		_, err := k.Redeem(seal.Link, text[:i]+changed+text[i+1:], noon)
		require.ErrorIs(t, err, seal.ErrForged, "byte %d", i)
	}
	for name, wrong := range map[string]string{
		"another purpose": k.Issue(seal.Session, ticket), "nothing": "", "short": "AAAA", "cut": text[:len(text)-1],
		"longer": text + "A", "not base64": strings.Repeat("!", 60), "a capability": k.Mint(seal.Link, "extRefBApp100"),
	} {
		_, err := k.Redeem(seal.Link, wrong, noon)
		require.ErrorIs(t, err, seal.ErrForged, name)
	}
	var none seal.Keys
	require.Empty(t, none.Issue(seal.Link, ticket))
	_, err := none.Redeem(seal.Link, text, noon)
	require.ErrorIs(t, err, seal.ErrForged)
}

func FuzzRedeem(f *testing.F) {
	k := keys(f, newer)
	f.Add(k.Issue(seal.Link, ticket))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := k.Redeem(seal.Link, text, noon)
		if err == nil {
			require.Equal(t, text, k.Issue(seal.Link, got), "one ticket has one spelling")
		}
	})
}
