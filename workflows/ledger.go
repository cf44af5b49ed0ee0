package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
)

// Ledger is all that a notifier knows: what it starts with, what it carries
// over into a new run, and what it ends with. So a notifier that has ended can
// be started again from its result.
type Ledger struct {
	Reference  string `json:"reference"`
	CustomerID string `json:"customerId"`
	WebhookURL string `json:"webhookUrl,omitempty"`
	Notify     bool   `json:"notify,omitempty"`

	Until   time.Time             `json:"until"`           // no notice comes after this: the case's deadline, generously
	Ended   bool                  `json:"ended,omitempty"` // the case's final notice has come, or none will
	Last    int                   `json:"last"`            // the number of the latest notice: a repetition is none
	Gone    []activities.Receiver `json:"gone,omitempty"`  // receivers that want nothing more
	Records []Record              `json:"records"`         // oldest first
}

// Record is one notice and what became of it.
type Record struct {
	Notice   kyc.Notice `json:"notice"`
	Receipts []Receipt  `json:"receipts"`
}

// Receipt is what became of a notice at one receiver.
type Receipt struct {
	Receiver    activities.Receiver `json:"receiver"`
	Wanted      bool                `json:"wanted,omitempty"` // it is to be delivered, or being delivered
	Attempts    int                 `json:"attempts"`         // in all; of a delivery that was called off, those of its successor
	Answer      string              `json:"answer,omitempty"` // the last one: a status code, or one of activities' words
	DeliveredAt time.Time           `json:"deliveredAt,omitzero"`
	GivenUpAt   time.Time           `json:"givenUpAt,omitzero"`
	NextAt      time.Time           `json:"nextAt,omitzero"` // of the next attempt, while it waits for one: Client.Notices finds it out
}

// Event is a notice as the outside was told of it.
type Event struct {
	ID       string         `json:"id"`
	Type     kyc.NoticeType `json:"type"`
	At       time.Time      `json:"at"`
	Stage    kyc.Stage      `json:"stage"`
	Receipts []Receipt      `json:"receipts"`
}

// answerCancelled is in a receipt whose notifier was cancelled from outside.
const answerCancelled = "cancelled"

// receivers lists who hears of a notice of this case.
func receivers(webhookURL string, notify bool, n kyc.Notice) (all []activities.Receiver) {
	if notify {
		all = append(all, activities.Everybodys)
	}
	if webhookURL != "" && n.Said() {
		all = append(all, activities.Callers)
	}
	return all
}

// take enters new notices. Known ones are left out: who hands them on may not
// have learned that it did.
func (l *Ledger) take(notices []kyc.Notice, now time.Time) {
	for _, n := range notices {
		if n.Number <= l.Last {
			continue
		}
		l.Last, l.Ended = n.Number, l.Ended || n.Final()
		record := Record{Notice: n}
		for _, receiver := range receivers(l.WebhookURL, l.Notify, n) {
			r := Receipt{Receiver: receiver, Wanted: true}
			if slices.Contains(l.Gone, receiver) {
				r = Receipt{Receiver: receiver, Answer: activities.AnswerGone, GivenUpAt: now}
			}
			record.Receipts = append(record.Receipts, r)
		}
		if len(record.Receipts) > 0 {
			l.Records = append(l.Records, record)
		}
	}
	for i := 0; len(l.Records) > kept && i < len(l.Records); {
		if l.Records[i].open() {
			i++
			continue
		}
		l.Records = slices.Delete(l.Records, i, i+1)
	}
}

// kept is how many notices a ledger remembers that are dealt with.
const kept = 64

func (r Record) open() bool {
	return slices.ContainsFunc(r.Receipts, func(r Receipt) bool { return r.Wanted })
}

func (l *Ledger) open() bool { return slices.ContainsFunc(l.Records, Record.open) }

// next is the oldest notice that is to be delivered to a receiver, or nil.
func (l *Ledger) next(receiver activities.Receiver) *kyc.Notice {
	for i := range l.Records {
		if r := l.receipt(l.Records[i].Notice.ID, receiver); r != nil && r.Wanted {
			return &l.Records[i].Notice
		}
	}
	return nil
}

func (l *Ledger) receipt(id string, receiver activities.Receiver) *Receipt {
	for i := range l.Records {
		if l.Records[i].Notice.ID != id {
			continue
		}
		for j := range l.Records[i].Receipts {
			if l.Records[i].Receipts[j].Receiver == receiver {
				return &l.Records[i].Receipts[j]
			}
		}
	}
	return nil
}

// settle closes a receipt: delivered, or given up.
func (r *Receipt) settle(now time.Time, delivered bool, how activities.NotifyResult) {
	r.Wanted, r.Answer, r.Attempts = false, how.Answer, r.Attempts+how.Attempts
	if delivered {
		r.DeliveredAt = now
	} else {
		r.GivenUpAt = now
	}
}

// goneFrom gives up everything for a receiver that wants nothing more.
func (l *Ledger) goneFrom(receiver activities.Receiver, now time.Time) {
	if !slices.Contains(l.Gone, receiver) {
		l.Gone = append(l.Gone, receiver)
	}
	l.giveUp(now, activities.AnswerGone, receiver)
}

// giveUp closes every open receipt of these receivers.
func (l *Ledger) giveUp(now time.Time, answer string, of ...activities.Receiver) {
	for i := range l.Records {
		for j := range l.Records[i].Receipts {
			if r := &l.Records[i].Receipts[j]; r.Wanted && slices.Contains(of, r.Receiver) {
				r.settle(now, false, activities.NotifyResult{Answer: answer})
			}
		}
	}
}

// chosen lists what a resend means: every receipt of the notice named, or of
// all notices those that were not delivered.
func (l *Ledger) chosen(id string) (all []*Receipt, err error) {
	known := id == ""
	for i := range l.Records {
		known = known || l.Records[i].Notice.ID == id
		for j := range l.Records[i].Receipts {
			r := &l.Records[i].Receipts[j]
			if l.Records[i].Notice.ID == id || id == "" && r.DeliveredAt.IsZero() {
				all = append(all, r)
			}
		}
	}
	switch {
	case !known:
		return nil, refuse(RefusedInvalid, fmt.Sprintf("the case has sent no event %q", id))
	case len(all) == 0:
		return nil, refuse(RefusedNotWanted, "every event was delivered: name the one to send again")
	}
	return all, nil
}

// resend opens what chosen lists. Who asks for it outranks a receiver that
// once wanted nothing more.
func (l *Ledger) resend(id string) error {
	all, err := l.chosen(id)
	for _, r := range all {
		r.Wanted, r.DeliveredAt, r.GivenUpAt = true, time.Time{}, time.Time{}
		l.Gone = slices.DeleteFunc(l.Gone, func(gone activities.Receiver) bool { return gone == r.Receiver })
	}
	return err
}

// Events tells the ledger without any address.
func (l *Ledger) Events() []Event {
	all := []Event{}
	for _, r := range l.Records {
		n := r.Notice
		all = append(all, Event{ID: n.ID, Type: n.Type, At: n.At, Stage: n.Stage, Receipts: slices.Clone(r.Receipts)})
	}
	return all
}

// EventDetails is a ledger as a page of Markdown, the way the Temporal UI shows it.
func EventDetails(events []Event) string {
	var b strings.Builder
	b.WriteString("| When (UTC) | Event | Receiver | State |\n|---|---|---|---|\n")
	for _, e := range events {
		for _, r := range e.Receipts {
			b.WriteString(fmt.Sprintf("| %s | %s `%s` | %s | %s |\n", when(e.At), e.Type, e.ID, r.Receiver, r.state()))
		}
	}
	return b.String()
}

func (r Receipt) state() string {
	switch {
	case r.Wanted:
		return "on its way; \"Pending activities\" tells its attempts"
	case !r.GivenUpAt.IsZero():
		return fmt.Sprintf("**given up** at %s after %d attempts: %s", when(r.GivenUpAt), r.Attempts, r.Answer)
	}
	return fmt.Sprintf("delivered at %s, attempt %d: %s", when(r.DeliveredAt), r.Attempts, r.Answer)
}
