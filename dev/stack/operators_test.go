package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// onlyCells picks cells by their name.
var onlyCells = flag.String("cells", "",
	"of TestOperators, all cells whose name matches this regular expression; none is one cell of each kind")

// TestOperators holds docs/operators.md: what each button of Temporal's UI and
// CLI does to a case, in every stage and at every moment of it. After the
// button the case's life goes on, and then the checks of check() must hold.
//
// The cells of a phase run beside each other: ConnectFi is quick in the first
// phase, slow in the second and out of order in the third, and well again when
// the lives go on.
func TestOperators(t *testing.T) {
	o := newOperators(t)
	cells := o.cells(t)
	require.NotEmpty(t, cells)
	for _, phase := range []struct {
		name string
		dial map[string]any
	}{
		{"quick", map[string]any{}},
		{"slow", map[string]any{"slow": slowness.String()}},
		{"failing", map[string]any{"ext_akepa": 1}},
	} {
		var here []*cell
		for _, c := range cells {
			if c.moment.phase == phase.name {
				here = append(here, c)
			}
		}
		began := time.Now()
		if len(phase.dial) == 0 { // no cell waits for another
			o.each(here, (*cell).reach, (*cell).press, (*cell).live)
		} else {
			o.each(here, (*cell).reach)
			sandbox(t, http.MethodPut, "/sandbox/faults", phase.dial, nil)
			o.each(here, (*cell).press)
			sandbox(t, http.MethodPut, "/sandbox/faults", map[string]any{}, nil)
			o.each(here, (*cell).live)
		}
		t.Logf("ConnectFi %s: %d cells in %s", phase.name, len(here), time.Since(began).Round(time.Second))
	}
	require.NoError(t, o.checkHistories(cells))
	for _, c := range cells {
		t.Run(c.name(), func(t *testing.T) { require.NoError(t, c.err) })
	}
}

// each runs steps of every cell that has not failed yet, some cells at a time.
func (o *operators) each(cells []*cell, steps ...func(*cell) error) {
	var all errgroup.Group
	all.SetLimit(24)
	for _, c := range cells {
		all.Go(func() error {
			for _, step := range steps {
				if c.err == nil {
					c.err = step(c)
				}
			}
			return nil
		})
	}
	_ = all.Wait() // every error is its cell's
}

// tableRow is a line of a Markdown table.
var tableRow = regexp.MustCompile(`(?m)^\|(.+)\|$`)

// table reads docs/operators.md: what is to come, by action and stage.
func table(t *testing.T) (actions, stages []string, want map[[2]string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "operators.md"))
	require.NoError(t, err)
	want = map[[2]string]string{}
	_, below, found := strings.Cut(string(text), "\n| pressed |")
	require.True(t, found)
	of, _, _ := strings.Cut("| pressed |"+below, "\n\n")
	for i, line := range tableRow.FindAllStringSubmatch(of, -1) {
		fields := strings.Split(line[1], "|")
		for j := range fields {
			fields[j] = strings.TrimSpace(fields[j])
		}
		switch i {
		case 0:
			stages = fields[1:]
		case 1: // the rule below the head
		default:
			require.Len(t, fields, len(stages)+1, fields[0])
			actions = append(actions, fields[0])
			for j, stage := range stages {
				require.Contains(t, outcomes, fields[j+1], "%s, %s", fields[0], stage)
				want[[2]string{fields[0], stage}] = fields[j+1]
			}
		}
	}
	return actions, stages, want
}

// cells is one cell of the test for each that the page's table speaks of: every
// action in every stage, for individuals at one moment and for businesses at
// another, each moment in its turn; and the actions that are marked so at every
// moment. A closed case has one moment, and is an individual's.
//
// Unless the flag -cells asks for more, one cell stands for all of an action and
// a stage: individuals and businesses take turns, and so do the moments.
func (o *operators) cells(t *testing.T) (all []*cell) {
	actions, stages, want := table(t)
	named := map[string]action{}
	for _, a := range everyAction {
		named[a.name] = a
	}
	require.Len(t, actions, len(everyAction), "the page has every action, and no other")
	chosen := regexp.MustCompile(*onlyCells)
	for i, name := range actions {
		a, known := named[name]
		require.True(t, known, "nobody knows how to press %q", name)
		for j, stage := range stages {
			s, known := everyStage[stage]
			require.True(t, known, "no case reaches %q", stage)
			moments := s.momentsOf(a)
			require.NotEmpty(t, moments, "%s in %s has no moment", name, stage)
			for k, m := range moments {
				for n, kind := range []string{"individual", "business"} {
					mine := (i+j+n)%len(moments) == k
					if s.closed && kind == "business" || !mine && !(a.always && kind == "individual") {
						continue
					}
					if *onlyCells == "" && !(mine && (s.closed || n == (i+j)%2)) {
						continue
					}
					c := &cell{operators: o, number: len(all), action: a, stage: s, moment: m, kind: kind,
						want: want[[2]string{name, stage}]}
					c.reference = fmt.Sprintf("op%d", c.number)
					all = append(all, c)
				}
			}
		}
	}
	var picked []*cell
	for _, c := range all {
		if chosen.MatchString(c.name()) {
			picked = append(picked, c)
		}
	}
	return picked
}

func (c *cell) name() string {
	return letters(strings.Join([]string{c.stage.name, c.moment.name, c.kind, c.action.name}, "/"))
}

// operators is the system that all cells share, with a receiver of every case.
type operators struct {
	ctx  context.Context // until the test ends
	own  *system
	work string // where licenses are drawn

	mu    sync.Mutex
	heard map[string][]message // by reference, in the order in which they came
}
