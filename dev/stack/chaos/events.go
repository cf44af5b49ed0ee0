package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"durablekyc.example/kyc"
)

// missing names an event that the receiver of all never heard of, or one too
// many: the case's timeline says which there were. What operators made a case
// report before they reset or deleted it is in no timeline, and not too many.
func missing(e evidence) string {
	if e.view == nil || !e.view.Stage.Final() {
		return ""
	}
	count := map[string]int{}
	for _, kind := range e.events {
		count[kind]++
	}
	for _, kind := range reported(e.view.Timeline) {
		if count[kind]--; count[kind] < 0 {
			return kind
		}
	}
	for kind, more := range count {
		if more > 0 && len(e.subject.pressed) == 0 {
			return fmt.Sprintf("nothing that makes %d more of %s", more, kind)
		}
	}
	return ""
}

// reported are the types of the events that a timeline stands for: each stage
// but ConnectFi's own work, each reminder, and documents that are wanted beside
// others, which begins no stage.
func reported(timeline []kyc.Entry) (kinds []string) {
	var (
		stage kyc.Stage
		asked time.Time
	)
	for _, entry := range timeline {
		switch began := kyc.Stage(entry.What); {
		case began == kyc.Processing:
			stage = began
		case began == kyc.AwaitingDocuments:
			stage, asked = began, entry.At
			kinds = append(kinds, string(kyc.NoticeDocuments))
		case began == kyc.AwaitingData:
			stage = began
			kinds = append(kinds, string(kyc.NoticeData))
		case began == kyc.InReview, began == kyc.Held, began.Final():
			stage = began
			kinds = append(kinds, "case."+entry.What)
		case entry.What == kyc.EntryReminder:
			kinds = append(kinds, string(kyc.NoticeReminder))
		case entry.What == kyc.EntryWanted && stage == kyc.AwaitingDocuments && !entry.At.Equal(asked):
			asked = entry.At
			kinds = append(kinds, string(kyc.NoticeDocuments))
		}
	}
	return kinds
}

// examineEvents is the checker of how the end of a case was reported. ConnectFi's
// decision and a withdrawal that an operator asked for are the only ones, and each
// has one id. A case that was withdrawn in between reports its decision as news.
func examineEvents(e evidence) (wrong []string) {
	decision, most, cancelled := kyc.Stage(strings.ToLower(string(e.truth.Outcome))), 1, false
	for _, p := range e.subject.pressed {
		if p.button == pressCancel {
			most, cancelled = most+1, true
		}
	}
	ids := map[kyc.Stage][]string{} // by the end that they report
	for id, kind := range e.events {
		if end := kyc.Stage(strings.TrimPrefix(kind, "case.")); end.Final() {
			ids[end] = append(ids[end], id)
		}
	}
	for end, under := range ids {
		if slices.Sort(under); len(under) > most {
			wrong = append(wrong, fmt.Sprintf("case.%s was heard under %d ids: %v", end, len(under), under))
		}
		if end != decision && !(end == kyc.Withdrawn && cancelled) {
			wrong = append(wrong, fmt.Sprintf("case.%s was heard, which never was", end))
		}
	}
	return wrong
}

// deliverNow has the last few notifications sent that would be tried again only in half an hour: a receiver that
// accepts one and then fails leaves its notifier open, and the record waits for it.
func (w *world) deliverNow(ctx context.Context, r recorded) {
	missing := slices.DeleteFunc(slices.Clone(r.closed), func(name string) bool { return slices.Contains(r.leaves, name) })
	if len(missing) > 10 { // the recorders are still at work
		return
	}
	for _, name := range missing {
		reference, _, _ := strings.Cut(name, "/")
		w.Starter(ctx, "resend", reference)
	}
}
