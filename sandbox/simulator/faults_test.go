package simulator_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/sandbox/simulator"
)

const identification = `{"customerId":"cstap_1","reference":"R1"}`

func TestCallbackFaults(t *testing.T) {
	for name, c := range map[string]struct {
		dial string
		want func(t *testing.T, b *bench, own, other connectfi.Application)
	}{
		"drop_callbacks": {`{"drop_callbacks":1}`, func(t *testing.T, b *bench, own, _ connectfi.Application) {
			require.Empty(t, b.arrived())
			require.Equal(t, 0, b.ledger(own.Reference).Callbacks)
		}},
		"duplicate_callbacks": {`{"duplicate_callbacks":1}`, func(t *testing.T, b *bench, own, _ connectfi.Application) {
			require.Len(t, b.arrived(), 2)
			require.Equal(t, b.callbacks[0], b.callbacks[1], "the very same, request id and all")
			require.Equal(t, 2, b.ledger(own.Reference).Callbacks)
		}},
		"delay_callbacks": {`{"delay_callbacks":"10m"}`, func(t *testing.T, b *bench, own, _ connectfi.Application) {
			require.Equal(t, connectfi.StatusCompleted, b.read(own).Status, "only the callback is late")
			pass(10*time.Minute - 1)
			require.Empty(t, b.arrived())
			pass(1)
			require.Len(t, b.arrived(), 1)
		}},
		"stale_callbacks": {`{"stale_callbacks":1}`, func(t *testing.T, b *bench, own, _ connectfi.Application) {
			told := b.arrived()
			require.Len(t, told, 1)
			require.Equal(t, own, told[0], "as it was before")
			require.Equal(t, connectfi.StatusCompleted, b.read(own).Status)
		}},
		"foreign_callbacks": {`{"foreign_callbacks":1}`, func(t *testing.T, b *bench, own, other connectfi.Application) {
			told := b.arrived()
			require.Len(t, told, 1)
			require.Equal(t, other, told[0])
			require.Equal(t, hook+"/"+own.Reference, b.callbacks[0].url)
		}},
		"none": {`{}`, func(t *testing.T, b *bench, own, _ connectfi.Application) {
			require.Equal(t, []connectfi.Application{b.read(own)}, b.arrived())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, simulator.Config{}, func(t *testing.T, b *bench) {
				other, own := b.identify("cstap_1", "R1"), b.identify("cstap_2", "R2")
				b.faults(c.dial)
				b.move(own, "completed", "approved")
				c.want(t, b, own, other)
			})
		})
	}
}

// made counts the applications of identification; the ledger may be empty.
func (b *bench) made() int {
	made := 0
	for _, entry := range good[[]simulator.LedgerEntry](b, http.MethodGet, "/sandbox/ledger", "") {
		made += entry.Applications
	}
	return made
}

func TestCallFaults(t *testing.T) {
	for name, c := range map[string]struct {
		dial   string
		status int
		code   string
		made   int
	}{
		"error_before":  {`{"error_before":1}`, 500, "", 0},
		"error_after":   {`{"error_after":1}`, 500, "", 1},
		"ext_akepa":     {`{"ext_akepa":1}`, 400, "extAkepa", 0},
		"rate_limit":    {`{"rate_limit":1}`, 429, "tooManyRequests", 0},
		"expire_tokens": {`{"expire_tokens":1}`, 401, "unauthorized", 0},
		"slow":          {`{"slow":"5s"}`, 200, "0", 1},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, simulator.Config{}, func(t *testing.T, b *bench) {
				b.faults(c.dial)
				begun := time.Now()
				status, text := b.call(http.MethodPost, "/akepa/identification", identification)
				require.Equal(t, c.status, status)
				require.Equal(t, c.made, b.made())
				took := time.Since(begun)
				require.Equal(t, name == "slow", took == 5*time.Second, took)
				if c.code == "" {
					require.Contains(t, text, "<html>")
					return
				}
				require.Equal(t, c.code, into[connectfi.Envelope[any]](t, text).Code)
			})
		})
	}
}

func TestTheClientReadsRetryAfter(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		b.faults(`{"rate_limit":1}`)
		_, err := b.client.List(t.Context(), connectfi.ListRequest{CustomerID: "cstap_1"})
		var refused *connectfi.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, time.Second, refused.RetryAfter())
		require.True(t, refused.Temporary())
	})
}

func TestAnExpiredTokenStaysExpired(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		b.faults(`{"expire_tokens":1}`)
		b.call(http.MethodPost, "/akepa/identification", identification)
		b.faults(`{}`)
		status, _ := b.call(http.MethodPost, "/akepa/identification", identification)
		require.Equal(t, http.StatusUnauthorized, status)
		b.token = b.getToken("team", "secret")
		b.identify("cstap_1", "R1")
	})
}

func TestGetTokenKnowsFewFaults(t *testing.T) {
	for fault, status := range map[string]int{"error_after": 200, "ext_akepa": 200, "expire_tokens": 200,
		"error_before": 500, "rate_limit": 429} {
		t.Run(fault, func(t *testing.T) {
			run(t, simulator.Config{}, func(t *testing.T, b *bench) {
				b.faults(fmt.Sprintf(`{%q:1}`, fault))
				got, _ := b.call(http.MethodPost, "/auth/get-token", `{"user":{"login":"a","password":"b"}}`)
				require.Equal(t, status, got)
			})
		})
	}
}

func TestTheSandboxItselfDoesNotFail(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		a := b.identify("cstap_1", "R1")
		b.faults(`{"error_before":1,"error_after":1,"ext_akepa":1,"rate_limit":1,"expire_tokens":1,"slow":"1h"}`)
		begun := time.Now()
		b.customers("individual", simulator.Review, 1)
		b.move(a, "running", "")
		b.ledger("R1")
		require.Zero(t, time.Since(begun))
	})
}

// On a real connection half of the lost answers are cuts.
func TestLostAnswersAreOfTwoKinds(t *testing.T) {
	for fault, made := range map[string]int{"error_before": 0, "error_after": 40} {
		t.Run(fault, func(t *testing.T) {
			sandbox, err := simulator.New(simulator.Config{Seed: 7})
			require.NoError(t, err)
			server := httptest.NewServer(sandbox)
			t.Cleanup(sandbox.Close)
			t.Cleanup(server.Close)
			b := &bench{TB: t, sandbox: sandbox}
			b.token = b.getToken("team", "secret")
			b.faults(fmt.Sprintf(`{%q:1}`, fault))
			cuts, pages := 0, 0
			for range 40 {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/akepa/identification",
					strings.NewReader(identification))
				require.NoError(t, err)
				r.Header.Set(connectfi.TokenHeader, b.token)
				answer, err := server.Client().Do(r)
				if err != nil {
					cuts++
					continue
				}
				text, err := io.ReadAll(answer.Body)
				require.NoError(t, errors.Join(err, answer.Body.Close()))
				require.Equal(t, http.StatusInternalServerError, answer.StatusCode)
				require.Contains(t, string(text), "<html>")
				pages++
			}
			require.Greater(t, cuts, 5)
			require.Greater(t, pages, 5)
			require.Equal(t, made, b.made())
		})
	}
}

func TestTheDiceRepeatWithTheSeed(t *testing.T) {
	throws := func(seed uint64) (fell string) {
		run(t, simulator.Config{Seed: seed}, func(t *testing.T, b *bench) {
			b.faults(`{"ext_akepa":0.5,"rate_limit":0.2}`)
			for range 60 {
				status, _ := b.call(http.MethodPost, "/akepa/identification", identification)
				fell += fmt.Sprint(status, " ")
			}
		})
		return fell
	}
	first := throws(1)
	require.Equal(t, first, throws(1))
	require.NotEqual(t, first, throws(2))
	for _, status := range []string{"200", "400", "429"} {
		require.Contains(t, first, status)
	}
}

func TestTheDial(t *testing.T) {
	run(t, simulator.Config{}, func(t *testing.T, b *bench) {
		b.faults(`{"drop_callbacks":0.5,"slow":"1m30s"}`)
		_, text := b.call(http.MethodGet, "/sandbox/faults", "")
		require.Contains(t, text, `"slow":"1m30s"`)
		status, _ := b.call(http.MethodPut, "/sandbox/faults", text)
		require.Equal(t, http.StatusOK, status, "what GET shows, PUT takes")
		for name, dial := range map[string]string{
			"unknown name":                   `{"drop_callback":1}`,
			"more than certain":              `{"drop_callbacks":1.5}`,
			"less than never":                `{"expire_tokens":-0.1}`,
			"no duration":                    `{"slow":"soon"}`,
			"a number for duration":          `{"slow":5}`,
			"durations must not be negative": `{"delay_callbacks":"-1s"}`,
			"no JSON":                        `slow`,
			"two values":                     `{}{}`,
		} {
			status, text := b.call(http.MethodPut, "/sandbox/faults", dial)
			require.Equal(t, http.StatusBadRequest, status, name)
			require.NotEmpty(t, into[struct{ Error string }](t, text).Error, name)
		}
		_, after := b.call(http.MethodGet, "/sandbox/faults", "")
		require.Equal(t, text, after, "a refused dial changes nothing")
		b.faults(`{"rate_limit":0}`)
		require.Equal(t, simulator.Faults{}, good[simulator.Faults](b, http.MethodGet, "/sandbox/faults", ""),
			"what is not named is off")
	})
}
