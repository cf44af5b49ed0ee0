package log_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/records/log"
)

var errCrash = errors.New("killed")

// crashing dies at an operation, before or after the bucket has done it, and does nothing from then on.
type crashing struct {
	log.Store
	mu    sync.Mutex
	left  int  // operations until it dies; negative for never
	after bool // whether the operation at which it dies is done
}

func (c *crashing) do(operation func() error) error {
	c.mu.Lock()
	left := c.left
	c.left--
	c.mu.Unlock()
	switch {
	case left > 0:
		return operation()
	case left == 0 && c.after:
		_ = operation()
	}
	return errCrash
}

func (c *crashing) Create(ctx context.Context, name string, data []byte) error {
	return c.do(func() error { return c.Store.Create(ctx, name, data) })
}

func (c *crashing) Replace(ctx context.Context, name string, data []byte) error {
	return c.do(func() error { return c.Store.Replace(ctx, name, data) })
}

func (c *crashing) Read(ctx context.Context, name string) (data []byte, err error) {
	err = c.do(func() (err error) { data, err = c.Store.Read(ctx, name); return err })
	return data, err
}

func (c *crashing) Exists(ctx context.Context, name string) (there bool, err error) {
	err = c.do(func() (err error) { there, err = c.Store.Exists(ctx, name); return err })
	return there, err
}

// A writer dies at every operation, before and after it is done; another one appends meanwhile; and the first comes
// back. Each record has one leaf.
func TestAWriterThatDiesAnywhere(t *testing.T) {
	private, public := keys(t)
	deaths := 0
	for _, after := range []bool{false, true} {
		for at := 0; ; at++ {
			b := bucket(t)
			appendBoth := func(s log.Store, records ...string) error {
				l := open(t, s, private)
				for _, record := range records {
					if _, err := l.Append(t.Context(), record, hashOf(record)); err != nil {
						return err
					}
				}
				_, err := l.Checkpoint(t.Context())
				return err
			}
			require.NoError(t, appendBoth(b, "R1/run"))
			err := appendBoth(&crashing{Store: b, left: at, after: after}, "R2/run", "R3/run")
			if err == nil {
				break
			}
			require.ErrorIs(t, err, errCrash)
			deaths++
			require.NoError(t, appendBoth(b, "R4/run"))
			require.NoError(t, appendBoth(b, "R2/run", "R3/run"))
			sound(t, b, private, public, 4)
		}
	}
	t.Logf("the writer died %d times", deaths)
	require.Greater(t, deaths, 30)
}

// Eight writers append the same records at the same time, each in an order of its own, and die over and over.
func TestEightWritersThatDie(t *testing.T) {
	const records, writers = 120, 8
	b := bucket(t)
	private, public := keys(t)
	var (
		group  sync.WaitGroup
		deaths [writers]int
	)
	for w := range writers {
		draw := rand.New(rand.NewPCG(uint64(w), 1))
		order := draw.Perm(records)
		group.Go(func() {
			for len(order) > 0 {
				l, err := log.New(&crashing{Store: b, left: draw.IntN(40), after: draw.IntN(2) == 0}, private)
				for err == nil && len(order) > 0 {
					record := fmt.Sprintf("R%d/run", order[0])
					if _, err = l.Append(context.Background(), record, hashOf(record)); err == nil {
						order = order[1:]
						if draw.IntN(8) == 0 {
							_, err = l.Checkpoint(context.Background())
						}
					}
				}
				if err != nil {
					deaths[w]++
				}
				if err != nil && !errors.Is(err, errCrash) {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	sound(t, b, private, public, records)
	t.Log("deaths of each writer:", deaths)
	for _, n := range deaths {
		require.Positive(t, n)
	}
}
