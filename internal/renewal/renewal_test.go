package renewal

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAValueIsReadAgain(t *testing.T) {
	var (
		log     bytes.Buffer
		content = "first"
		problem error
		reads   int
	)
	v, err := New("the token", func() (string, error) { reads++; return content, problem },
		slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	at := v.readAt
	v.now = func() time.Time { return at }
	content = "second"
	require.Equal(t, "first", v.Get(), "it was read a moment ago")
	require.Equal(t, 1, reads)

	at = at.Add(Every)
	require.Equal(t, "second", v.Get())

	problem, content = errors.New("half written"), ""
	for range 3 {
		at = at.Add(Every)
		require.Equal(t, "second", v.Get(), "what cannot be used changes nothing")
	}
	require.Equal(t, 1, strings.Count(log.String(), "half written"), "the log says it once: %s", &log)

	problem, content = nil, "third"
	at = at.Add(Every)
	require.Equal(t, "third", v.Get())

	problem = errors.New("half written")
	at = at.Add(Every)
	require.Equal(t, "third", v.Get())
	require.Equal(t, 2, strings.Count(log.String(), "half written"), "a new failure is another one")
}

func TestTheFirstValueHasToBeThere(t *testing.T) {
	_, err := New("the token", func() (string, error) { return "", errors.New("gone") }, nil)
	require.EqualError(t, err, "gone")
}
