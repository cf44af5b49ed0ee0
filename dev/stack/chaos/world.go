package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/kyc"
	"durablekyc.example/records/log"
	"durablekyc.example/records/store"
)

// policy has the waits of days made seconds, but for the deadlines, which
// nothing may reach. Settle is longer than ConnectFi is ever paused, as it has
// to be: see maxPause.
const policy = `{"documents":"1h","reminders":[],"case":"2h","read_first":"1s","read_max":"5s","settle":"5s"}`

// world is the system, and everybody who has to do with it.
type world struct {
	settings
	*fleet.System
	balancer *balancer
	receiver *receiver
	image    [2]string
	dice     *rng
	log      *log.Log                 // of records
	bucket   *store.Bucket            // of records
	counter  chan struct{}            // who is asking for a case right now
	idle     map[string]resourceUsage // what the processes hold before there is anything to do

	mu    sync.Mutex
	cases map[string]*caseRecord // by reference
}

// caseRecord is a case as those outside remember it.
type caseRecord struct {
	reference, customer, scenario string
	business                      bool
	outcome                       string    // what a reviewer will say
	accepted                      bool      // whoever started it was answered
	decided                       time.Time // when a reviewer had said it
	sending                       bool      // its applicant is at it
	pressed                       []press   // by operators, in this order
	absent                        bool      // an operator has deleted it, and nobody has asked for it since
	forgotten                     bool      // and Temporal has no trace of it any more
	deleted                       string    // the record of the run that was deleted
}

// rng are thrown from several goroutines.
type rng struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func (d *rng) float() float64 { d.mu.Lock(); defer d.mu.Unlock(); return d.rand.Float64() }
func (d *rng) pick(n int) int { d.mu.Lock(); defer d.mu.Unlock(); return d.rand.IntN(n) }

func newWorld(ctx context.Context, s settings) (w *world, err error) {
	w = &world{settings: s, cases: map[string]*caseRecord{}, dice: &rng{rand: rand.New(rand.NewPCG(s.Seed, s.Seed))},
		counter: make(chan struct{}, 16)}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.stop())
		}
	}()
	if w.receiver, err = newReceiver(w.dice); err != nil {
		return w, err
	}
	w.System, err = fleet.Up(ctx, fleet.Options{Work: s.Work, Postgres: s.Postgres, Workers: 2, Webhooks: 2,
		Records: recordEvery,
		Vars: map[string]string{"KYC_NOTIFY_URL": w.receiver.URL, "KYC_NOTIFY_ALLOW_PRIVATE": "true", "KYC_POLICY": policy,
			"KYC_READS_PER_SECOND": "500"},
		Front: func(webhooks ...string) (string, error) {
			if w.balancer, err = newBalancer(webhooks...); err != nil {
				return "", err
			}
			return w.balancer.Addr().String(), nil
		}})
	if err != nil {
		return w, err
	}
	if w.image, err = fleet.License(w.System.Work, "chaos"); err != nil {
		return w, err
	}
	secrets, err := w.Secret("notify_secret")
	if err != nil {
		return w, err
	}
	if err := w.receiver.trust(secrets); err != nil {
		return w, err
	}
	if err := w.openRecords(ctx); err != nil {
		return w, err
	}
	if err := w.customers(ctx); err != nil {
		return w, err
	}
	w.idle, err = w.burdens(ctx)
	return w, err
}

// stop ends every process, and then what they spoke to here.
func (w *world) stop() (err error) {
	if w.System != nil {
		err = w.System.Stop()
	}
	if w.receiver != nil {
		err = errors.Join(err, w.receiver.server.Close())
	}
	if w.balancer != nil {
		err = errors.Join(err, w.balancer.stop())
	}
	return err
}

// show is a case as it stands; nil if it cannot be told now.
func (w *world) show(ctx context.Context, reference string) *kyc.View {
	code, out, _ := w.Starter(ctx, "show", reference, "--json")
	var v kyc.View
	if code != 0 || json.Unmarshal([]byte(out), &v) != nil {
		return nil
	}
	return &v
}

func (w *world) all() []*caseRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]*caseRecord, 0, len(w.cases))
	for _, s := range w.cases {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *caseRecord) int { return strings.Compare(a.reference, b.reference) })
	return all
}
