package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// What an operator pressed decides what is right: no more than that.
func TestAnOperatorsCaseMayEnd(t *testing.T) {
	sure := func(buttons ...button) (all []press) {
		for _, b := range buttons {
			all = append(all, press{b, true})
		}
		return all
	}
	for name, test := range map[string]struct {
		pressed []press
		want    []string
	}{
		"nothing":               {nil, []string{"approved"}},
		"a hint":                {sure(pressSignal), []string{"approved"}},
		"paused":                {sure(pressPause, pressPauseActivity), []string{"approved"}},
		"cancelled":             {sure(pressCancel), []string{"approved", "withdrawn"}},
		"terminated":            {sure(pressTerminate), []string{terminated}},
		"perhaps terminated":    {[]press{{pressTerminate, false}}, []string{terminated, "approved"}},
		"terminated, and reset": {sure(pressTerminate, pressReset), []string{"approved"}},
		"terminated, and perhaps reset": {
			[]press{{pressTerminate, true}, {pressReset, false}}, []string{"approved", terminated}},
		"cancelled, and reset":                {sure(pressCancel, pressReset), []string{"approved", "withdrawn"}},
		"cancelled, deleted, asked for again": {sure(pressCancel, pressDelete), []string{"approved", "withdrawn"}},
		"terminated, and deleted":             {sure(pressTerminate, pressDelete), []string{terminated}},
		"deleted, and terminated":             {sure(pressDelete, pressTerminate), []string{terminated}},
	} {
		t.Run(name, func(t *testing.T) {
			require.ElementsMatch(t, test.want, mayEnd("approved", test.pressed))
		})
	}
}

// The checkers of cases that operators touched can fail, each at what it is for.
func TestTheCheckersOfOperatorsFindWhatIsPlanted(t *testing.T) {
	nothing := func(*evidence) {}
	end := func(stage kyc.Stage) func(*evidence) {
		return func(e *evidence) {
			e.view.Stage = stage
			e.view.Timeline[len(e.view.Timeline)-1].What = string(stage)
			e.events["evt_2"] = "case." + string(stage)
		}
	}
	hear := func(kind string) func(*evidence) {
		return func(e *evidence) { e.events["evt_3"] = kind }
	}
	deaf := func(id string) func(*evidence) {
		return func(e *evidence) { delete(e.events, id) }
	}
	links := func(n int) func(*evidence) {
		return func(e *evidence) { e.ledger.Attachments = n }
	}
	applications := func(n int) func(*evidence) {
		return func(e *evidence) { e.ledger.Applications = n }
	}
	gone := func(closed bool) func(*evidence) {
		return func(e *evidence) { e.view, e.closed = nil, closed }
	}
	open := func(e *evidence) { e.open = true }
	unidentified := func(e *evidence) {
		e.view.ApplicationID, e.truth.ApplicationID, e.truth.Outcome = "", "", ""
		e.ledger.Applications, e.ledger.Documents, e.ledger.Attachments = 0, 0, 0
	}
	for name, test := range map[string]struct {
		pressed []button
		plant   []func(*evidence)
		says    string // empty: all is well
	}{
		"a reset case":            {on(pressReset), do(hear("case.documents_requested")), ""},
		"a cancelled case":        {on(pressCancel), do(end(kyc.Withdrawn)), ""},
		"a terminated case":       {on(pressTerminate), do(gone(true), deaf("evt_2")), ""},
		"cancelled at its start":  {on(pressCancel), do(end(kyc.Withdrawn), unidentified), ""},
		"terminated at its start": {on(pressTerminate), do(unidentified, gone(true), deaf("evt_2")), ""},
		"deleted, and on record":  {on(pressDelete), do(nothing), ""},

		"a withdrawal that nobody pressed":      {on(pressSignal), do(end(kyc.Withdrawn)), "it ended withdrawn"},
		"a cancelled case that expired":         {on(pressCancel), do(end(kyc.Expired)), "it ended expired"},
		"a terminated case that goes on":        {on(pressTerminate), do(nothing), "may end [terminated]"},
		"a run that ended by itself":            {on(pressReset), do(gone(true)), "it ended terminated"},
		"a deleted case that was decided again": {on(pressDelete), do(hear("case.approved")), "2 ids: [evt_2 evt_3]"},
		"a reset that identified again":         {on(pressReset), do(applications(2)), "2 applications"},
		"a reset case without an application":   {on(pressReset), do(applications(0)), "0 applications"},
		"a deleted case that stays unknown":     {on(pressDelete), do(gone(false)), "cannot be told"},
		"a paused case that stays so":           {on(pressPause), do(end(kyc.InReview)), "it has not ended"},
		"a case that cannot close":              {on(pressReset), do(open), "its workflow goes on"},
		"a decision under two ids":              {on(pressReset), do(hear("case.approved")), "2 ids: [evt_2 evt_3]"},
		"a decision that ConnectFi never made":  {on(pressReset), do(hear("case.denied")), "case.denied was heard"},
		"a withdrawal that was told, and none":  {on(pressReset), do(hear("case.withdrawn")), "case.withdrawn was heard"},
		"an end after a reset that is dropped":  {on(pressReset), do(deaf("evt_2")), "nobody heard of case.approved"},
		"a request that is dropped":             {on(pressReset), do(deaf("evt_1")), "nobody heard of case.doc"},
		"a link made twice after a reset":       {on(pressReset), do(links(4)), "4 links were made for 2"},
	} {
		t.Run(name, func(t *testing.T) {
			e, replayer := good(t)
			for _, b := range test.pressed {
				e.subject.pressed = append(e.subject.pressed, press{b, true})
			}
			for _, plant := range test.plant {
				plant(&e)
			}
			wrong := strings.Join(examine(e, replayer), "\n")
			if test.says == "" {
				require.Empty(t, wrong)
				return
			}
			require.Contains(t, wrong, test.says)
		})
	}
}

func on(pressed ...button) []button                  { return pressed }
func do(plants ...func(*evidence)) []func(*evidence) { return plants }
