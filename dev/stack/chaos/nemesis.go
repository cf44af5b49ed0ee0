package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
)

// maxPause is the longest that a program is frozen. ConnectFi, frozen with
// an identification in its hands, carries it out when it wakes: settle in the
// policy outlasts that, which is what settle is for.
const maxPause = 3 * time.Second

// nemesis does to the world whatever can happen to it, one thing at a time but
// for the restarts, which may overlap with what comes next.
type nemesis struct {
	*world
	dice     *rand.Rand // of its own: what happens depends on the seed and on nothing else
	mu       sync.Mutex
	done     map[string]int // by kind
	errs     []error
	restarts sync.WaitGroup

	temporal  workflowservice.WorkflowServiceClient // operators' own
	deletions sync.WaitGroup                        // of cases: each takes Temporal up to minutes
}

func newNemesis(w *world, temporal workflowservice.WorkflowServiceClient) *nemesis {
	return &nemesis{world: w, dice: rand.New(rand.NewPCG(w.Seed, 0xC0FFEE)), done: map[string]int{}, temporal: temporal}
}

func (n *nemesis) count(kind string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done[kind]++
}

func (n *nemesis) note(err error) {
	if err != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.errs = append(n.errs, err)
	}
}

// kills is how many processes were killed.
func (n *nemesis) kills() (all int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for kind, times := range n.done {
		if strings.HasPrefix(kind, "kill ") {
			all += times
		}
	}
	return all
}

// run goes on until the time is over and enough was killed and pressed.
func (n *nemesis) run(ctx context.Context) {
	var operators sync.WaitGroup
	operators.Go(func() { n.operate(context.WithoutCancel(ctx)) })
	defer operators.Wait()
	// A kill is every second thing.
	mean := n.Over / time.Duration(max(2*n.Kills, 1))
	n.turnDial(context.WithoutCancel(ctx))
	for ctx.Err() == nil || n.kills() < n.Kills {
		begun := time.Now()
		n.supervise(context.WithoutCancel(ctx))
		n.injectOne(context.WithoutCancel(ctx))
		if rest := mean - time.Since(begun); rest > 0 {
			time.Sleep(rest)
		}
	}
}

func (n *nemesis) injectOne(ctx context.Context) {
	switch at := n.dice.IntN(100); {
	case at < 50:
		n.kill(ctx)
	case at < 75:
		n.pause()
	case at < 95:
		n.turnDial(ctx)
	default:
		n.rotate(ctx)
	}
}

// victims are killed; the workers most often, for they do the work. The sandbox
// is not among them: it has ConnectFi's memory, and no provider loses that.
var victims = []string{"worker-1", "worker-2", "worker-1", "worker-2", "webhook-1", "webhook-2", "webhook-1",
	"webhook-2", "temporal"}

func (n *nemesis) kill(ctx context.Context) {
	of := slices.DeleteFunc(slices.Clone(victims), func(name string) bool {
		return !slices.Contains(n.Victims, strings.TrimRight(name, "-12"))
	})
	p := n.Named(of[n.dice.IntN(len(of))])
	after := time.Duration(n.dice.IntN(1500)) * time.Millisecond
	moment := time.Duration(n.dice.IntN(20_000)) * time.Microsecond
	if !p.Running() {
		return
	}
	kind := "kill " + strings.TrimRight(p.Name, "-12")
	if kind == "kill worker" && n.awaitRecord(recordEvery) {
		time.Sleep(moment)
		kind += " that records"
	}
	n.note(p.End(os.Kill))
	n.count(kind)
	n.restarts.Go(func() {
		time.Sleep(after)
		n.note(n.again(ctx, p))
	})
}

// again starts a program, which may have to wait for Temporal: as a supervisor
// of processes would, it is tried until it stays up.
func (n *nemesis) again(ctx context.Context, p *fleet.Program) (err error) {
	for range 60 {
		if err = p.Start(ctx); err == nil {
			return nil
		}
		time.Sleep(500 * time.Millisecond)
	}
	return err
}

// supervise starts again what has ended by itself. Only Temporal may: the embedded
// server gives up a start that takes longer than 30 s on a busy machine.
func (n *nemesis) supervise(ctx context.Context) {
	for _, p := range n.Fleet {
		if !p.Died() {
			continue
		}
		n.count("ended by itself: " + p.Name)
		if p.Name != "temporal" {
			n.note(fmt.Errorf("%s ended by itself: see %s", p.Name, p.Log.Name()))
		}
		n.note(n.again(ctx, p))
	}
}

func (n *nemesis) pause() {
	p := n.Fleet[n.dice.IntN(len(n.Fleet))]
	d := time.Duration(n.dice.Int64N(int64(maxPause)))
	if !p.Signal(syscall.SIGSTOP) {
		return
	}
	n.count("pause " + strings.TrimRight(p.Name, "-12"))
	n.restarts.Go(func() {
		time.Sleep(d)
		p.Signal(syscall.SIGCONT)
	})
}

// probabilities are the dial's, those of callbacks first.
var probabilities = []string{"drop_callbacks", "duplicate_callbacks", "stale_callbacks", "foreign_callbacks",
	"error_before", "error_after", "ext_akepa", "rate_limit", "expire_tokens"}

// turnDial sets what ConnectFi does to us until the dial is turned again.
func (n *nemesis) turnDial(ctx context.Context) {
	set := map[string]any{}
	// Callbacks first: they may all go wrong. Of the calls the most go through.
	for i, fault := range probabilities {
		set[fault] = 0.0
		if most := map[bool]float64{true: 0.5, false: 0.12}[i < 4]; n.dice.IntN(3) == 0 {
			set[fault] = most * n.dice.Float64()
			n.count(fault)
		}
	}
	set["delay_callbacks"], set["slow"] = "0s", "0s"
	if n.dice.IntN(3) == 0 {
		set["delay_callbacks"] = (time.Duration(n.dice.IntN(4000)) * time.Millisecond).String()
		n.count("delay_callbacks")
	}
	if n.dice.IntN(4) == 0 {
		set["slow"] = (time.Duration(n.dice.IntN(800)) * time.Millisecond).String()
		n.count("slow")
	}
	n.dial(ctx, set)
}

func (n *nemesis) dial(ctx context.Context, set map[string]any) {
	if n.Lost {
		set["drop_callbacks"] = 1.0
	}
	for range 20 { // it may be frozen
		if n.Control(ctx, http.MethodPut, "/sandbox/faults", set, nil) == nil {
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	n.note(errors.New("the sandbox's dial cannot be turned"))
}

// rotate changes the keys that cases and links are made with, and restarts
// whoever reads them, one by one and the workers first, as the runbook says.
func (n *nemesis) rotate(ctx context.Context) {
	n.count("rotate keys")
	keyset, err := n.Secret("keyset")
	if err == nil {
		keyset, err = encryption.RotateKeyset(keyset)
	}
	links, linksErr := n.Secret("link_keys")
	n.note(errors.Join(err, linksErr, n.replace("keyset", keyset), n.replace("link_keys", linktoken.NewKey()+"\n"+links)))
	for _, name := range []string{"worker-1", "worker-2", "webhook-1", "webhook-2"} {
		p := n.Named(name)
		p.Signal(syscall.SIGCONT)
		n.note(p.End(os.Interrupt))
		n.note(n.again(ctx, p))
	}
}

func (n *nemesis) replace(name, text string) error {
	path := filepath.Join(n.Keys, name)
	if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// heal ends all of it: everything runs, and ConnectFi has a good day.
func (n *nemesis) heal(ctx context.Context) {
	n.restarts.Wait()
	for _, p := range n.Fleet {
		p.Signal(syscall.SIGCONT)
		n.note(n.again(ctx, p))
	}
	good := map[string]any{"delay_callbacks": "0s", "slow": "0s"}
	for _, fault := range probabilities {
		good[fault] = 0.0
	}
	n.dial(ctx, good)
}

// faults is what was done, by kind.
func (n *nemesis) faults() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.done)
}
