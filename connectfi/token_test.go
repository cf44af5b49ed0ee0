package connectfi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// issuer gives out T1, T2, … and takes only the newest, until it is revoked.
type issuer struct {
	expiry        string
	takes         time.Duration // how long it thinks about a token
	fails         bool
	asked, served atomic.Int64
	revoked       atomic.Int64 // the newest token that is none any more
}

func (i *issuer) wire(r *http.Request) (int, string, error) {
	if isToken(r) {
		n := i.asked.Add(1)
		select {
		case <-time.After(i.takes):
		case <-r.Context().Done():
			return 0, "", r.Context().Err()
		}
		if i.fails {
			return 503, "<html>Jane</html>", nil
		}
		return 200, fmt.Sprintf(`{"code":"0","data":{"token":"T%d","dtsExpireAt":%q}}`, n, i.expiry), nil
	}
	i.served.Add(1)
	if n := i.asked.Load(); n <= i.revoked.Load() || r.Header.Get(connectfi.TokenHeader) != fmt.Sprintf("T%d", n) {
		return 401, `{"code":"unauthorized","message":"Authentication error"}`, nil
	}
	return 200, `{"code":"0","data":{"applicationId":"a","status":"running"}}`, nil
}

// crowd makes fifty calls at once and counts those that failed.
func clients(t *testing.T, c *connectfi.Client) (failed int64) {
	var all sync.WaitGroup
	var bad atomic.Int64
	for range 50 {
		all.Go(func() {
			if _, err := c.Status(t.Context(), ask); err != nil {
				bad.Add(1)
			}
		})
	}
	all.Wait()
	return bad.Load()
}

func TestACrowdSharesOneRequestForAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{expiry: "2099-10-07T08:18:57.360Z", takes: time.Second}
		c := over(t, i.wire)
		require.Zero(t, clients(t, c))
		require.EqualValues(t, 1, i.asked.Load())
		i.revoked.Store(1)
		require.Zero(t, clients(t, c), "each repeats once, with the fresh token")
		require.EqualValues(t, 2, i.asked.Load())
	})
}

func TestARefusedTokenIsSentByNobodyAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{expiry: "2099-10-07T08:18:57.360Z", takes: time.Second}
		c := over(t, i.wire)
		_, err := c.Status(t.Context(), ask)
		require.NoError(t, err)
		i.revoked.Store(1)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				if _, err := c.Status(t.Context(), ask); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			require.EqualValues(t, 2, i.served.Load(), "one was refused; the other waits for the fresh token")
		}
		all.Wait()
		require.EqualValues(t, 2, i.asked.Load())
		require.EqualValues(t, 4, i.served.Load())
	})
}

func TestACrowdSharesOneFailureToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{takes: time.Second, fails: true}
		begun := time.Now()
		require.EqualValues(t, 50, clients(t, over(t, i.wire)))
		require.EqualValues(t, 1, i.asked.Load())
		require.Equal(t, time.Second, time.Since(begun))
	})
}

func TestACallerThatGivesUpEndsNoOtherCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{expiry: "2099-10-07T08:18:57.360Z", takes: 10 * time.Second}
		c := over(t, i.wire)
		call := func(ctx context.Context) chan error {
			done := make(chan error, 1)
			go func() { _, err := c.Status(ctx, ask); done <- err }()
			synctest.Wait()
			return done
		}
		impatient, cancel := context.WithCancel(t.Context())
		leader := call(impatient)
		hasty, hurry := context.WithCancel(t.Context())
		waiter, patient := call(hasty), call(t.Context())
		hurry()
		err := <-waiter
		require.ErrorIs(t, err, context.Canceled, "while another's request is still under way")
		require.Equal(t, "/auth/get-token", failure(t, err).Op)
		cancel()
		require.ErrorIs(t, <-leader, context.Canceled)
		require.NoError(t, <-patient, "asks in his turn")
		require.EqualValues(t, 2, i.asked.Load())
	})
}

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	in := func(d time.Duration) func() string {
		return func() string { return time.Now().Add(d).UTC().Format("2006-01-02T15:04:05.000Z") }
	}
	is := func(s string) func() string { return func() string { return s } }
	for name, test := range map[string]struct {
		expiry func() string
		kept   time.Duration
	}{
		"an hour": {in(time.Hour), time.Hour - 30*time.Second}, "half of a short life": {in(10 * time.Second),
			5 * time.Second},
		"over already": {in(-time.Hour), time.Second}, "unreadable (A)": {is("tomorrow"), 5 * time.Minute},
		"missing (A)": {is(""), 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{expiry: test.expiry()}
				c := over(t, i.wire)
				for _, step := range []struct {
					pass  time.Duration
					asked int64
				}{{0, 1}, {test.kept - time.Millisecond, 1}, {time.Millisecond, 2}} {
					<-time.After(step.pass)
					_, err := c.Status(t.Context(), ask)
					require.NoError(t, err)
					require.Equal(t, step.asked, i.asked.Load())
				}
			})
		})
	}
}

func TestUnauthorizedForGoodIsTriedTwice(t *testing.T) {
	for name, answer := range map[string]struct {
		status         int
		body           string
		code           string
		tokens, served int64
	}{
		"401":             {401, `{"code":"unauthorized"}`, "unauthorized", 2, 2},
		"the code alone":  {400, `{"code":"unauthorized"}`, "unauthorized", 2, 2},
		"401 of a proxy":  {401, `<html>Jane</html>`, "", 2, 2},
		"another refusal": {400, `{"code":"customerNotFound"}`, "customerNotFound", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var tokens, served int64
			_, err := over(t, func(r *http.Request) (int, string, error) {
				if isToken(r) {
					tokens++
					return 200, longLived, nil
				}
				served++
				return answer.status, answer.body, nil
			}).Status(t.Context(), ask)
			require.Equal(t, answer.code, failure(t, err).Code)
			require.Equal(t, answer.served, served)
			require.Equal(t, answer.tokens, tokens)
		})
	}
}

func TestAnUploadIsSentWholeWithTheFreshToken(t *testing.T) {
	i := &issuer{expiry: "2099-10-07T08:18:57.360Z"}
	i.revoked.Store(1)
	var bodies []string
	c := over(t, func(r *http.Request) (int, string, error) {
		if !isToken(r) {
			text, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			bodies = append(bodies, string(text))
		}
		return i.wire(r)
	})
	require.NoError(t, c.UploadDocument(t.Context(), "doc_1", "front.png", "image/png", strings.NewReader("bytes")))
	require.Len(t, bodies, 2)
	require.Contains(t, bodies[0], "bytes")
	require.Equal(t, bodies[0], bodies[1])
}

func TestATokenThatNoHeaderCanCarry(t *testing.T) {
	for _, token := range []string{``, `a b`, `a\r\nX: y`, `é`} {
		_, err := over(t, func(r *http.Request) (int, string, error) {
			require.True(t, isToken(r), "nothing is sent with it")
			return 200, `{"code":"0","data":{"token":"` + token + `"}}`, nil
		}).Status(t.Context(), ask)
		require.ErrorContains(t, err, "it lacks a token", token)
		require.False(t, failure(t, err).Answered())
	}
}
