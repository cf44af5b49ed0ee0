package main

import (
	"context"
	"fmt"
)

// scenarios and how often each is drawn, of a hundred.
var scenarios = []struct {
	name  string
	share int
}{{"approve", 15}, {"deny", 8}, {"step_up", 22}, {"step_up_review", 12}, {"review", 23}, {"data_request", 5},
	{"running", 7}, {"unknown_status", 3}, {"back_and_forth", 5}}

// customers makes everybody who will be checked.
func (w *world) customers(ctx context.Context) error {
	wanted := map[[2]string]int{}
	for range w.Cases {
		kind, at := "individual", w.dice.pick(100)
		if w.dice.pick(5) == 0 {
			kind = "business"
		}
		for _, s := range scenarios {
			if w.Scenario == s.name || w.Scenario == "" && at < s.share {
				wanted[[2]string{kind, s.name}]++
				break
			}
			at -= s.share
		}
	}
	for _, kind := range []string{"individual", "business"} {
		for _, s := range scenarios {
			count := wanted[[2]string{kind, s.name}]
			if count == 0 {
				continue
			}
			ids, err := w.Customers(ctx, kind, s.name, count, 0)
			if err != nil {
				return err
			}
			for _, id := range ids {
				reference := fmt.Sprintf("c%dn%d", w.Seed, len(w.cases))
				outcome := "approved"
				if w.dice.pick(3) == 0 {
					outcome = "denied"
				}
				w.cases[reference] = &caseRecord{reference: reference, customer: id, scenario: s.name, business: kind == "business",
					outcome: outcome}
			}
		}
	}
	return nil
}
