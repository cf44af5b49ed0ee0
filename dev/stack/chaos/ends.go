package main

import (
	"fmt"
	"slices"
	"strings"

	"durablekyc.example/kyc"
)

// terminated is the end of a case that an operator has terminated: it has no stage of that name.
const terminated = "terminated"

// mayEnd lists how a case may end, given ConnectFi's decision and what operators
// pressed, in this order. A press without an answer may have happened or not.
func mayEnd(decision string, all []press) []string {
	ends := []string{decision}
	add := func(end string) {
		if !slices.Contains(ends, end) {
			ends = append(ends, end)
		}
	}
	cancelled := false
	for _, p := range all {
		before := slices.Clone(ends)
		switch p.button {
		case pressCancel: // the case may be decided already
			cancelled = true
			add(string(kyc.Withdrawn))
		case pressTerminate:
			ends = []string{terminated}
		case pressReset: // the new run is cancelled again, or the request is left out
			ends = []string{decision}
			if cancelled {
				add(string(kyc.Withdrawn))
			}
		}
		if !p.sure {
			for _, end := range before {
				add(end)
			}
		}
	}
	return ends
}

// examineEnd is the checker of a case's end: ConnectFi decides, unless an
// operator has ended the case.
func examineEnd(e evidence) (wrong []string) {
	decision := strings.ToLower(string(e.truth.Outcome))
	ends := mayEnd(decision, e.subject.pressed)
	end := terminated
	if e.view != nil {
		end = string(e.view.Stage)
	}
	if !slices.Contains(ends, end) {
		wrong = append(wrong, fmt.Sprintf("it ended %s, and ConnectFi says %q (%s); after %v it may end %v",
			end, e.truth.Outcome, e.truth.Status, e.subject.pressed, ends))
	}
	return wrong
}
