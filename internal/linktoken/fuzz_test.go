package linktoken_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/linktoken"
)

// FuzzTicket: whatever a ticket is made of, it is redeemed as what it was or by
// nobody, and only for its purpose.
func FuzzTicket(f *testing.F) {
	f.Add("extRefBApp100", "entap_1", "n", 2, noon.Add(time.Hour).Unix())
	f.Add("", "", "", 0, int64(0))
	f.Add("a\x00b", "c", "\xff", -1, int64(-1))
	k := keys(f, newer+","+older)
	f.Fuzz(func(t *testing.T, subject, part, nonce string, epoch int, expires int64) {
		made := linktoken.Ticket{Subject: subject, Part: part, Nonce: nonce, Epoch: epoch, Expires: time.Unix(expires, 0)}
		text := k.Issue(linktoken.Draft, made)
		require.Regexp(t, `^[0-9A-Za-z_-]+$`, text)
		_, err := k.Redeem(linktoken.Link, text, noon)
		require.ErrorIs(t, err, linktoken.ErrForged)
		got, err := k.Redeem(linktoken.Draft, text, noon)
		if strings.Contains(subject+part+nonce, "\x00") {
			require.ErrorIs(t, err, linktoken.ErrForged)
			return
		}
		made.Epoch, made.Expires = max(epoch, 0), time.Unix(max(expires, 0), 0)
		require.Equal(t, made, got)
		if !noon.Before(made.Expires) {
			require.ErrorIs(t, err, linktoken.ErrExpired)
			return
		}
		require.NoError(t, err)
	})
}

// FuzzCapability: one text opens one door, and that text has one spelling.
func FuzzCapability(f *testing.F) {
	k := keys(f, newer)
	f.Add(linktoken.Callback, "extRefBApp100", k.Mint(linktoken.Callback, "extRefBApp100"))
	f.Add(linktoken.Callback, "extRefBApp100", k.Issue(linktoken.Link, ticket))
	f.Add("", "", "v1-")
	f.Fuzz(func(t *testing.T, purpose, subject, token string) {
		mine := k.Mint(purpose, subject)
		require.True(t, k.Valid(purpose, subject, mine))
		require.Equal(t, token == mine, k.Valid(purpose, subject, token))
		require.False(t, k.Valid(purpose, subject+"x", mine))
		require.False(t, k.Valid(purpose+"x", subject, mine))
		require.False(t, keys(t, older).Valid(purpose, subject, mine))
	})
}

// FuzzParseKeys: keys that are taken mint what they accept, in any order, and
// none is ever repeated.
func FuzzParseKeys(f *testing.F) {
	for _, text := range []string{newer, newer + "," + older, " " + older + "\r\n,", strings.Repeat("k", 31),
		strings.Repeat("ä", 20), ",\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := linktoken.ParseKeys(text)
		if err != nil {
			require.Regexp(t, `^(no keys|key \d+ has \d+ characters and needs at least 32)$`, err.Error())
			require.False(t, k.Valid(linktoken.Callback, "A1", k.Mint(linktoken.Callback, "A1")))
			return
		}
		token := k.Mint(linktoken.Callback, "A1")
		require.True(t, k.Valid(linktoken.Callback, "A1", token))
		require.False(t, k.Valid(linktoken.Callback, "A2", token))
		require.True(t, keys(t, older+"\n"+text).Valid(linktoken.Callback, "A1", token), "an old key is still taken")
		require.Regexp(t, `^\d+ keys?, not shown$`, k.String())
	})
}
