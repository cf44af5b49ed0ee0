package linktoken_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"durablekyc.example/internal/linktoken"
)

var (
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ticket = linktoken.Ticket{Subject: "extRefBApp100", Part: "entap_1", Epoch: 2, Expires: noon.Add(time.Hour),
		Nonce: "n"}
)

func TestATicketSaysWhatItWasMadeFor(t *testing.T) {
	k := keys(t, newer)
	text := k.Issue(linktoken.Link, ticket)
	require.Regexp(t, `^[0-9A-Za-z_-]+$`, text)
	got, err := k.Redeem(linktoken.Link, text, noon)
	require.NoError(t, err)
	require.True(t, got.Expires.Equal(ticket.Expires))
	got.Expires = ticket.Expires
	require.Equal(t, ticket, got)

	rotated := keys(t, older+","+newer)
	_, err = rotated.Redeem(linktoken.Link, text, noon)
	require.NoError(t, err, "an old key is still taken")
	_, err = keys(t, older).Redeem(linktoken.Link, text, noon)
	require.ErrorIs(t, err, linktoken.ErrForged)
}

func TestATicketEnds(t *testing.T) {
	k := keys(t, newer)
	got, err := k.Redeem(linktoken.Link, k.Issue(linktoken.Link, ticket), ticket.Expires)
	require.ErrorIs(t, err, linktoken.ErrExpired)
	require.Equal(t, ticket.Subject, got.Subject, "whoever is late is told about which case")
}

func TestATicketCannotBeMadeOrChanged(t *testing.T) {
	k := keys(t, newer)
	text := k.Issue(linktoken.Link, ticket)
	for i := range text {
		changed := "A"
		if text[i] == 'A' {
			changed = "B"
		}
		_, err := k.Redeem(linktoken.Link, text[:i]+changed+text[i+1:], noon)
		require.ErrorIs(t, err, linktoken.ErrForged, "byte %d", i)
	}
	for name, wrong := range map[string]string{
		"another purpose": k.Issue(linktoken.Session, ticket), "nothing": "", "short": "AAAA", "cut": text[:len(text)-1],
		"longer": text + "A", "not base64": strings.Repeat("!", 60), "a capability": k.Mint(linktoken.Link, "extRefBApp100"),
	} {
		_, err := k.Redeem(linktoken.Link, wrong, noon)
		require.ErrorIs(t, err, linktoken.ErrForged, name)
	}
	var none linktoken.Keys
	require.Empty(t, none.Issue(linktoken.Link, ticket))
	_, err := none.Redeem(linktoken.Link, text, noon)
	require.ErrorIs(t, err, linktoken.ErrForged)
}

func FuzzRedeem(f *testing.F) {
	k := keys(f, newer)
	f.Add(k.Issue(linktoken.Link, ticket))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := k.Redeem(linktoken.Link, text, noon)
		if err == nil {
			require.Equal(t, text, k.Issue(linktoken.Link, got), "one ticket has one spelling")
		}
	})
}

func TestNoByteOfATicketCanBeChanged(t *testing.T) {
	k := keys(t, newer+","+older)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[^\x00]{0,30}`)
		purpose := rapid.SampledFrom([]string{linktoken.Link, linktoken.Session, linktoken.Form, linktoken.Draft,
			linktoken.API}).Draw(t, "purpose")
		text := k.Issue(purpose, linktoken.Ticket{Subject: name.Draw(t, "subject"), Part: name.Draw(t, "part"),
			Nonce: name.Draw(t, "nonce"),
			Epoch: rapid.IntRange(0, 1000).Draw(t, "epoch"), Expires: noon.Add(time.Hour)})
		_, err := k.Redeem(purpose, text, noon)
		require.NoError(t, err)
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		flipped := []byte(text)
		flipped[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		more := string(rapid.SampledFrom([]byte("A_=\n\r \x00")).Draw(t, "more"))
		for what, wrong := range map[string]string{"flipped": string(flipped), "cut": text[:at], "longer": text + more,
			"longer within": text[:at] + more + text[at:]} {
			_, err := k.Redeem(purpose, wrong, noon)
			require.ErrorIs(t, err, linktoken.ErrForged, what)
		}
	})
}
