package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/connectfi"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/sandbox/simulator"
)

const (
	burstBound   = 340 // MB that docs/reliability.md promises of callbacks; the page and this are compared
	burstCallers = 3000
	burstLasts   = 10 * time.Second
	megabyte     = 1 << 20
)

// burst is a crowd that calls back on one webhook and counts what it hears.
type burst struct {
	address string // of the webhook itself: no balancer takes half of it
	calls   [][]byte

	mu     sync.Mutex
	heard  map[string]int // by status, or by what came instead of an answer
	others []string       // answers that nobody may get
}

func (b *burst) count(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard[what]++
}

// rage has every caller call back again and again until ctx ends. Seven of eight
// times it holds the end of its body back, for up to four seconds: so bodies pile
// up wherever they are let in, however busy the machine is.
func (b *burst) rage(ctx context.Context) {
	var all sync.WaitGroup
	for i := range burstCallers {
		all.Go(func() {
			for n := i; ctx.Err() == nil; n += 7 {
				hold := time.Duration(1000+n*37%3000) * time.Millisecond
				if n%8 == 0 {
					hold = 0
				}
				b.call(b.calls[n%len(b.calls)], hold)
			}
		})
	}
	all.Wait()
}

// call is one callback over a connection of its own.
func (b *burst) call(request []byte, hold time.Duration) {
	c, err := net.DialTimeout("tcp", b.address, 20*time.Second)
	if err != nil {
		b.count("no connection")
		return
	}
	defer c.Close()
	last := len(request) - 1
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = c.Write(request[:last]) // it may have been answered and closed by now: what is heard tells
	answer := bufio.NewReader(c)
	if hold > 0 {
		_ = c.SetReadDeadline(time.Now().Add(hold))
		_, err := answer.Peek(1)
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			b.count("cut")
			return
		}
	}
	_, _ = c.Write(request[last:])
	response, err := http.ReadResponse(answer, nil)
	if err != nil {
		b.count("cut")
		return
	}
	defer response.Body.Close()
	b.count(strconv.Itoa(response.StatusCode))
	shed := response.StatusCode == http.StatusServiceUnavailable
	if known := shed || response.StatusCode == http.StatusAccepted || response.StatusCode == http.StatusOK; !known ||
		shed && response.Header.Get("Retry-After") == "" {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		b.mu.Lock()
		defer b.mu.Unlock()
		b.others = append(b.others, fmt.Sprintf("%s: %s", response.Status, text))
	}
}

// health asks as an operator does, by both of the ways that a watchdog has.
func health(ctx context.Context, client *http.Client, admin string) (b resourceUsage, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/healthz", nil)
	if err != nil {
		return b, err
	}
	response, err := client.Do(request)
	if err != nil {
		return b, err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return b, fmt.Errorf("/healthz answers %s", response.Status)
	}
	return scrape(ctx, client, admin)
}

// watch samples until ctx ends and answers with the most of everything, and
// with how long an answer took at the most.
func watch(ctx context.Context, client *http.Client, admin string) (most resourceUsage, slowest time.Duration,
	err error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		began := time.Now()
		now, failed := health(context.WithoutCancel(ctx), client, admin)
		err = errors.Join(err, failed)
		slowest = max(slowest, time.Since(began))
		most = resourceUsage{goroutines: max(most.goroutines, now.goroutines), memory: max(most.memory, now.memory)}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return most, slowest, err
		}
	}
}

// callbacks are requests as ConnectFi could send them at the worst: as long as
// they may be, and of what becomes the most when it is read.
func callbacks(w *world, applications []simulator.ApplicationEntry) (all [][]byte) {
	for _, a := range applications {
		head := fmt.Sprintf(`{"code":"0","requestId":"burst","data":{"reference":%q,"applicationId":%q,`+
			`"status":"waiting_review","entityApplications":[`, a.Reference, a.ApplicationID)
		body := head + strings.TrimSuffix(strings.Repeat("{},", (64<<10-len(head)-4)/3), ",") + "]}}"
		path := strings.TrimPrefix(a.WebhookURL, w.Public)
		all = append(all, fmt.Appendf(nil,
			"POST %s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path,
			len(body), body))
	}
	return all
}

// A burst of callbacks far beyond what can be taken ends in 503s and polling:
// never in memory beyond the bound of docs/reliability.md or in a lost decision.
// Half of the cases are never called back, so polling alone finds theirs.
func TestABurstIsShed(t *testing.T) {
	root, err := fleet.Root()
	require.NoError(t, err)
	page, err := os.ReadFile(root + "/docs/reliability.md")
	require.NoError(t, err)
	require.Contains(t, string(page), fmt.Sprintf("**%d MB**", burstBound))

	ctx := t.Context()
	w, err := newWorld(ctx, settings{Cases: 60, Lost: true, Seed: 3, Scenario: "review", Work: t.TempDir()})
	require.NoError(t, err)
	defer func() { require.NoError(t, w.stop()) }()
	require.NoError(t, w.Control(ctx, http.MethodPut, "/sandbox/faults", map[string]any{"drop_callbacks": 1.0}, nil))
	var starts errgroup.Group
	for i, s := range w.all() {
		starts.Go(func() error { w.begin(ctx, s, i); return nil })
	}
	require.NoError(t, starts.Wait())
	var applications []simulator.ApplicationEntry
	require.Eventually(t, func() bool {
		applications = nil
		if w.Control(ctx, http.MethodGet, "/sandbox/applications", nil, &applications) != nil {
			return false
		}
		waiting := 0
		for _, a := range applications {
			if a.Status == connectfi.StatusWaitingReview {
				waiting++
			}
		}
		return waiting == w.Cases
	}, time.Minute, 200*time.Millisecond)

	webhook, temporal := w.Named("webhook-1"), w.Named("temporal")
	admin := webhook.Env["KYC_ADMIN_LISTEN"]
	client := &http.Client{Timeout: 5 * time.Second} // as long as the container's health check
	defer client.CloseIdleConnections()
	idle, err := health(ctx, client, admin)
	require.NoError(t, err)

	began := time.Now()
	b := &burst{address: webhook.Env["KYC_LISTEN"], calls: callbacks(w, applications[:len(applications)/2]),
		heard: map[string]int{}}
	raging, calm := context.WithTimeout(ctx, burstLasts)
	defer calm()
	var watched sync.WaitGroup
	var most resourceUsage
	var slowest time.Duration
	var unanswered error
	watched.Go(func() { most, slowest, unanswered = watch(raging, client, admin) })
	var frozen atomic.Bool
	watched.Go(func() {
		<-time.After(burstLasts / 6)
		frozen.Store(temporal.Signal(syscall.SIGSTOP)) // signals hang now, and their slots fill
		<-time.After(burstLasts * 6 / 10)              // longer than a signal may take
		temporal.Signal(syscall.SIGCONT)
	})
	reviewing, cease := context.WithCancel(ctx)
	defer cease()
	reviewers := w.background(reviewing)
	b.rage(raging)
	watched.Wait()
	require.True(t, frozen.Load())
	t.Logf("%d callers for %s: %v", burstCallers, time.Since(began).Round(time.Second), b.heard)
	t.Logf("memory %.0f MB before, %.0f MB at the most; goroutines %.0f, %.0f; the operator waited %s at the most",
		idle.memory/megabyte, most.memory/megabyte, idle.goroutines, most.goroutines, slowest.Round(time.Millisecond))
	require.NoError(t, unanswered, "the operator was always answered")
	require.Empty(t, b.others)
	require.NotZero(t, b.heard["202"])
	require.NotZero(t, b.heard["503"])
	require.Zero(t, b.heard["cut"], "whoever gets a connection gets an answer")
	require.Less(t, most.memory/megabyte, float64(burstBound), "MB")

	w.awaitQuiescence(ctx, time.Minute, os.Stdout)
	cease()
	reviewers.Wait()
	r, err := w.check(ctx, newNemesis(w, nil), time.Since(began))
	require.NoError(t, err)
	require.Empty(t, r.Violations)
	require.Equal(t, w.Cases, r.Ended["approved"]+r.Ended["denied"])
	var after resourceUsage
	require.Eventually(t, func() bool {
		after, err = health(ctx, client, admin)
		return err == nil && after.goroutines <= idle.goroutines+16
	}, 30*time.Second, 200*time.Millisecond, "what the burst began has ended")
	t.Logf("afterwards %.0f MB and %.0f goroutines; decisions known after %.1f s, the slowest", after.memory/megabyte,
		after.goroutines, r.Slowest)
}
