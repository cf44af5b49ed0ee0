package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/internal/certtest"
	"durablekyc.example/kyc"
)

var soakFor = flag.Duration("soak", 40*time.Second, "of TestSoak, how long cases are started")

// TestSoak runs worker and webhook as processes while everything that they hold
// is renewed on disk again and again: a certificate of each kind and the API's
// token at every turn, the authority behind them at every fifth. For a sixth of
// the time the bucket is full. Every case must be approved, no request may be
// refused after its retry, and ConnectFi may be asked for nothing twice.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	var cases errgroup.Group
	cases.SetLimit(64)
	started := 0
	for ; time.Now().Before(s.end); started++ {
		reference, customer := fmt.Sprintf("soak%d", started), customers(t, "individual", "step_up", 1)[0]
		cases.Go(func() error { return s.live(reference, customer) })
		time.Sleep(s.pause)
	}
	require.NoError(t, cases.Wait())
	s.stop()
	t.Logf("%d cases in %s, %d renewals, the bucket full for %s; calls of ConnectFi: %v",
		started, *soakFor, s.turns.Load(), s.fullFor, s.calls)
	require.Equal(t, int64(started), s.calls["/akepa/identification"])
	require.Equal(t, int64(2*started), s.calls["/akepa/document/generate"])
	require.Equal(t, int64(2*started), s.calls["/akepa/document/upload"])
	require.Equal(t, int64(started), s.calls["/akepa/update"])
	require.LessOrEqual(t, s.calls["/akepa/status"], int64(10*started),
		"an attempt without room reads the status, and attempts back off")
}

// soak is what all its cases share.
type soak struct {
	t                    *testing.T
	end                  time.Time
	turn, pause, fullFor time.Duration
	link, bucket, images string
	front                *secureFront
	public               string
	starter              map[string]string
	full                 atomic.Bool
	turns                atomic.Int64
	stopped              chan struct{}
	running              sync.WaitGroup
	mu                   sync.Mutex
	issuer               certtest.Pair // whose certificates are presented
	token                string
	calls                map[string]int64 // of ConnectFi, by path
}

func newSoak(t *testing.T) *soak {
	s := &soak{t: t, end: time.Now().Add(*soakFor), turn: min(*soakFor/10, time.Minute), fullFor: *soakFor / 6,
		pause: min(*soakFor/20, 3*time.Second), link: filepath.Join(t.TempDir(), "data"), images: t.TempDir(),
		stopped: make(chan struct{}), issuer: certtest.Authority(t, rand.Text()), calls: map[string]int64{}}
	bin := t.TempDir()
	build(t, bin, "worker", "webhook")
	size := "64m"
	if *soakFor > 10*time.Minute {
		size = "1g"
	}
	var small bool
	if s.bucket, small = smallVolume(t, size); !small {
		s.fullFor = 0
	}
	s.front = newSecureFront(t, one.temporal.Address, s.issuer)
	s.renew()
	require.NoError(t, one.stopWorker())
	t.Cleanup(func() { require.NoError(t, one.startWorker()) })

	temporal := map[string]string{"TEMPORAL_ADDRESS": s.front.address, "TEMPORAL_TLS_CLIENT_CERT_PATH": s.file("tls.crt"),
		"TEMPORAL_TLS_CLIENT_KEY_PATH": s.file("tls.key"), "TEMPORAL_TLS_SERVER_CA_CERT_PATH": s.file("ca.crt"),
		"KYC_DOCUMENTS": "file://" + s.bucket, "CONNECTFI_BASE_URL": s.countCalls()}
	startProcessWith(t, filepath.Join(bin, "worker"), temporal)
	s.public = freeAddress(t)
	edge := maps.Clone(temporal)
	maps.Copy(edge, map[string]string{"KYC_LISTEN": s.public, "KYC_TLS_CERT_FILE": s.file("tls.crt"),
		"KYC_TLS_KEY_FILE": s.file("tls.key"), "KYC_API_TOKENS": "", "KYC_API_TOKENS_FILE": s.file("token")})
	startProcessWith(t, filepath.Join(bin, "webhook"), edge)
	s.starter = named(one.vars)
	maps.Copy(s.starter, temporal)
	s.starter["TEMPORAL_CONFIG_FILE"] = os.DevNull

	s.end = time.Now().Add(*soakFor)
	s.running.Go(s.renewAgainAndAgain)
	if s.fullFor > 0 {
		s.running.Go(s.fillOnce)
	}
	t.Cleanup(s.stop)
	return s
}

func (s *soak) file(name string) string { return filepath.Join(s.link, name) }

func (s *soak) stop() {
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
	}
	s.running.Wait()
}

// renewAgainAndAgain renews at every turn. Certificates end two turns after
// they were made, so that a program that keeps an old one is out.
func (s *soak) renewAgainAndAgain() {
	for {
		select {
		case <-s.stopped:
			return
		case <-time.After(s.turn):
			s.renew()
		}
	}
}

func (s *soak) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	turn := s.turns.Add(1)
	before := s.issuer
	if turn%5 == 0 {
		s.issuer = certtest.Authority(s.t, rand.Text())
		s.front.trust(before, s.issuer)
	}
	s.token = fmt.Sprintf("a-token-of-the-api-number-%d", turn)
	mountWith(s.t, s.link, s.issuer, 2*s.turn, s.token)
	s.front.present(s.t, s.issuer)
	s.front.breakAll()
}

// fillOnce leaves the bucket without room for a sixth of the time.
func (s *soak) fillOnce() {
	select {
	case <-s.stopped:
		return
	case <-time.After(*soakFor / 3):
	}
	s.full.Store(true)
	empty := fill(s.t, s.bucket)
	select {
	case <-s.stopped:
	case <-time.After(s.fullFor):
	}
	empty()
	s.full.Store(false)
}

// countCalls is ConnectFi behind a proxy that counts.
func (s *soak) countCalls() string {
	behind, err := url.Parse(one.sandbox)
	require.NoError(s.t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if strings.HasPrefix(path, "/akepa/document/upload/") {
			path = "/akepa/document/upload"
		}
		s.mu.Lock()
		s.calls[path]++
		s.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// live takes one case from the API's request to its approval.
func (s *soak) live(reference, customer string) error {
	if status := s.twice(func() int { return s.identify(reference, customer) }); status != http.StatusOK {
		return fmt.Errorf("%s: the API answered %d after its retry", reference, status)
	}
	if err := s.upload(reference, customer); err != nil {
		return err
	}
	for deadline := time.Now().Add(s.fullFor + 5*time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		if v, err := one.cases.Show(s.t.Context(), reference); err == nil && v.Stage == kyc.Approved {
			return nil
		}
	}
	v, err := one.cases.Show(s.t.Context(), reference)
	return fmt.Errorf("%s is not approved: it is %s (%v)", reference, v.Stage, err)
}

func (s *soak) twice(ask func() int) int {
	if status := ask(); status == http.StatusOK {
		return status
	}
	time.Sleep(time.Second)
	return ask()
}

func (s *soak) identify(reference, customer string) int {
	s.mu.Lock()
	by, token := s.issuer, s.token
	s.mu.Unlock()
	return callWith(s.t, by, "https://"+s.public+"/akepa/identification", token,
		fmt.Sprintf(`{"customerId":%q,"reference":%q}`, customer, reference))
}

// upload sends the license with the starter. It may be refused while the bucket
// is full, and once more at any time.
func (s *soak) upload(reference, customer string) error {
	sides, err := fleet.License(s.images, reference)
	if err != nil {
		return err
	}
	for refused := 0; ; {
		full := s.full.Load()
		code, _, said := starterWith(s.t, s.starter, "upload", reference, "--entity", customer, "--front", sides[0], "--back",
			sides[1])
		switch {
		case code == 0, strings.Contains(said, "ConnectFi has not answered"): // the case has the images
			return nil
		case full || s.full.Load():
			time.Sleep(s.turn / 4)
			continue
		}
		if refused++; refused > 1 {
			return fmt.Errorf("%s: the upload was refused again: %s", reference, said)
		}
		time.Sleep(time.Second)
	}
}
