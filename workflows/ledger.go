package workflows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
)

// NotifierState is all that a notifier knows: what it starts with, what it takes
// over into a new run, and what it ends with. So a notifier that has ended can
// be started again from its result.
type NotifierState struct {
	Reference string `json:"reference"`
	Terms            // of the case that reported last

	Recall *Report `json:"recall,omitempty"` // to be taken once it is known what an earlier notifier knew

	Ended        bool                  `json:"ended,omitempty"`   // the case's final notice has come, or none will
	Last         string                `json:"last,omitempty"`    // the id of the notice that the case reported last
	Relived      int                   `json:"relived,omitempty"` // the record whose news a reset case reported again last
	Count        int                   `json:"count,omitempty"`   // how many records there were in all
	Unsubscribed []activities.Receiver `json:"gone,omitempty"`    // receivers that want nothing more
	Records      []Record              `json:"records,omitempty"` // oldest first

	Sequence int64 `json:"sequence,omitempty"` // of the latest record
}

// Terms are who receives the notifications of a case, and until when.
type Terms struct {
	Case       string    `json:"case,omitempty"` // its identity: another one is another case under the same reference
	CustomerID string    `json:"customerId,omitempty"`
	WebhookURL string    `json:"webhookUrl,omitempty"`
	Notify     bool      `json:"notify,omitempty"`
	Until      time.Time `json:"until,omitzero"` // no notice comes after this: the case's deadline, generously
}

// Report is what a case sends to its notifier.
type Report struct {
	Terms
	After   string       `json:"after,omitempty"` // the id of the notice that it reported before these
	Notices []kyc.Notice `json:"notices"`
}

// Record is one notice and what became of it.
type Record struct {
	Number   int        `json:"number"`             // within the ledger, from 1
	Sequence int64      `json:"sequence,omitempty"` // rises from record to record: see enter
	Notice   kyc.Notice `json:"notice"`
	Terms    *Terms     `json:"terms,omitempty"` // if an earlier case reported it; otherwise the ledger's
	Receipts []Delivery `json:"receipts"`
}

// Delivery is what became of a notice at one receiver.
type Delivery struct {
	Receiver activities.Receiver `json:"receiver"`
	Pending  bool                `json:"wanted,omitempty"` // it is to be delivered, or being delivered
	// in all; of a delivery that was called off, those of its successor
	Attempts    int       `json:"attempts"`
	Answer      string    `json:"answer,omitempty"` // the last one: a status code, or one of activities' words
	DeliveredAt time.Time `json:"deliveredAt,omitzero"`
	GivenUpAt   time.Time `json:"givenUpAt,omitzero"`
	// of the next attempt, while it waits for one: Client.Notices finds it out
	NextAt time.Time `json:"nextAt,omitzero"`
}

// Event is a notice as receivers got it.
type Event struct {
	Number   int            `json:"number"`             // a short name for the id, within the case
	Sequence int64          `json:"sequence,omitempty"` // as receivers see it
	ID       string         `json:"id"`
	Type     kyc.NoticeType `json:"type"`
	At       time.Time      `json:"at"`
	Stage    kyc.Stage      `json:"stage"`
	Receipts []Delivery     `json:"receipts"`
}

// answerCancelled is in a receipt whose notifier was cancelled from outside.
const answerCancelled = "cancelled"

// receivers lists who receives a notice of this case.
func receivers(webhookURL string, notify bool, n kyc.Notice) (all []activities.Receiver) {
	if notify {
		all = append(all, activities.ReceiverGlobal)
	}
	if webhookURL != "" && n.FromProvider() {
		all = append(all, activities.ReceiverCaller)
	}
	return all
}

// Take enters what a case reports. Known notices are left out: who reports them
// may not have learned that it did. So is what the receivers know already from
// a part of the case that a reset has undone: its next notice comes after an
// earlier one than the last, and has the same news. A case whose decision is known
// may live through all that came before it once more, from answers of ConnectFi's
// that are in its history.
func (l *NotifierState) Take(report Report, now time.Time) {
	if report.Case != l.Case {
		l.leave()
	}
	l.Terms = report.Terms
	undone := report.After != l.Last
	if undone {
		l.Relived = 0
		if r := l.find(report.After); r != nil {
			l.Relived = r.Number
		}
	}
	for _, n := range report.Notices {
		if undone || l.Relived > 0 {
			l.Relived = l.relived(n)
		}
		repeated := l.find(n.ID) != nil || undone && l.repeats(n) || l.Relived > 0
		l.Last, l.Ended, undone = n.ID, n.Final(), false
		if !repeated {
			l.enter(n, now)
		}
	}
	for i := 0; len(l.Records) > maxRecords && i < len(l.Records); {
		if l.Records[i].open() {
			i++
			continue
		}
		l.Records = slices.Delete(l.Records, i, i+1)
	}
}

// leave keeps the records of a case that another one follows, with their terms.
func (l *NotifierState) leave() {
	terms := l.Terms
	for i := range l.Records {
		if l.Records[i].Terms == nil {
			l.Records[i].Terms = &terms
		}
	}
	l.Unsubscribed, l.Last, l.Relived = nil, "", 0
}

// enter adds a record. Its sequence is the time in milliseconds, or one more
// than the one before: so it also rises where what was sent before is not known
// any more, and a receiver that keeps the highest one misses nothing.
func (l *NotifierState) enter(n kyc.Notice, now time.Time) {
	record := Record{Notice: n}
	for _, receiver := range receivers(l.WebhookURL, l.Notify, n) {
		r := Delivery{Receiver: receiver, Pending: true}
		if slices.Contains(l.Unsubscribed, receiver) {
			r = Delivery{Receiver: receiver, Answer: activities.AnswerGone, GivenUpAt: now}
		}
		record.Receipts = append(record.Receipts, r)
	}
	if len(record.Receipts) > 0 {
		l.Count++
		l.Sequence = max(l.Sequence+1, n.At.UnixMilli())
		record.Number, record.Sequence = l.Count, l.Sequence
		l.Records = append(l.Records, record)
	}
}

// repeats reports whether the last thing that this case's receivers heard of it,
// reminders aside, is the same news.
func (l *NotifierState) repeats(n kyc.Notice) bool {
	for _, r := range slices.Backward(l.Records) {
		if r.Terms == nil && r.Notice.Type != kyc.NoticeReminder {
			return r.Notice.SameNews(n)
		}
	}
	return false
}

// relived is the number of the next record of this case with this news, if the
// receivers know ConnectFi's decision already; zero if there is none.
func (l *NotifierState) relived(n kyc.Notice) (number int) {
	decided := false
	for _, r := range l.Records {
		if r.Terms != nil || r.Notice.Type == kyc.NoticeReminder {
			continue
		}
		decided = r.Notice.Type == kyc.NoticeApproved || r.Notice.Type == kyc.NoticeDenied
		if number == 0 && r.Number > l.Relived && r.Notice.SameNews(n) {
			number = r.Number
		}
	}
	if !decided {
		return 0
	}
	return number
}

// find is the record of a notice, by its id or its number; nil if there is none.
func (l *NotifierState) find(event string) *Record {
	for i := range l.Records {
		if r := &l.Records[i]; r.Notice.ID == event || strconv.Itoa(r.Number) == event {
			return r
		}
	}
	return nil
}

// maxRecords is how many notices a ledger remembers that are dealt with.
const maxRecords = 64

func (r Record) open() bool {
	return slices.ContainsFunc(r.Receipts, func(r Delivery) bool { return r.Pending })
}

func (l *NotifierState) open() bool { return slices.ContainsFunc(l.Records, Record.open) }

func (l *NotifierState) receipt(id string, receiver activities.Receiver) *Delivery {
	if r := l.find(id); r != nil {
		return r.receipt(receiver)
	}
	return nil
}

func (r *Record) receipt(receiver activities.Receiver) *Delivery {
	for i := range r.Receipts {
		if r.Receipts[i].Receiver == receiver {
			return &r.Receipts[i]
		}
	}
	return nil
}

// settle closes a receipt: delivered, or given up.
func (r *Delivery) settle(now time.Time, delivered bool, how activities.NotifyResult) {
	r.Pending, r.Answer, r.Attempts = false, how.Answer, r.Attempts+how.Attempts
	if delivered {
		r.DeliveredAt = now
	} else {
		r.GivenUpAt = now
	}
}

// unsubscribe drops everything for a receiver that wants nothing more.
func (l *NotifierState) unsubscribe(receiver activities.Receiver, now time.Time) {
	if !slices.Contains(l.Unsubscribed, receiver) {
		l.Unsubscribed = append(l.Unsubscribed, receiver)
	}
	l.giveUp(now, activities.AnswerGone, receiver)
}

// giveUp closes every open receipt of these receivers.
func (l *NotifierState) giveUp(now time.Time, answer string, of ...activities.Receiver) {
	for i := range l.Records {
		for j := range l.Records[i].Receipts {
			if r := &l.Records[i].Receipts[j]; r.Pending && slices.Contains(of, r.Receiver) {
				r.settle(now, false, activities.NotifyResult{Answer: answer})
			}
		}
	}
}

// resendTargets lists what a resend means: every receipt of the event named, or of
// all events those that were not delivered.
func (l *NotifierState) resendTargets(event string) (all []*Delivery, err error) {
	named := l.find(event)
	for i := range l.Records {
		for j := range l.Records[i].Receipts {
			r := &l.Records[i].Receipts[j]
			if &l.Records[i] == named || event == "" && r.DeliveredAt.IsZero() {
				all = append(all, r)
			}
		}
	}
	switch {
	case event != "" && named == nil:
		return nil, refuse(RefusedInvalid, fmt.Sprintf("the case has sent no notification %q", event))
	case len(all) == 0:
		return nil, refuse(RefusedNotWanted, "every notification was delivered: name the one to send again")
	}
	return all, nil
}

// Redirect changes where the caller's events go, also for a caller that wanted
// nothing more at the old address. An event that is named goes there as well
// where the caller had no address when it happened, and though another case
// under the reference reported it.
func (l *NotifierState) Redirect(event, webhookURL string) {
	l.WebhookURL = webhookURL
	l.welcome(activities.ReceiverCaller)
	r := l.find(event)
	if r == nil {
		return
	}
	if r.Terms != nil {
		terms := *r.Terms
		terms.WebhookURL = webhookURL
		r.Terms = &terms
	}
	if r.receipt(activities.ReceiverCaller) == nil && r.Notice.FromProvider() {
		r.Receipts = append(r.Receipts, Delivery{Receiver: activities.ReceiverCaller})
	}
}

// welcome forgets that a receiver wanted nothing more.
func (l *NotifierState) welcome(receiver activities.Receiver) {
	l.Unsubscribed = slices.DeleteFunc(l.Unsubscribed, func(gone activities.Receiver) bool { return gone == receiver })
}

// Resend opens what resendTargets lists. Who asks for it outranks a receiver that
// once wanted nothing more.
func (l *NotifierState) Resend(event string) error {
	all, err := l.resendTargets(event)
	for _, r := range all {
		r.Pending, r.DeliveredAt, r.GivenUpAt = true, time.Time{}, time.Time{}
		l.welcome(r.Receiver)
	}
	return err
}

// Events returns the ledger without any address.
func (l *NotifierState) Events() []Event {
	all := []Event{}
	for _, r := range l.Records {
		n := r.Notice
		all = append(all, Event{Number: r.Number, Sequence: r.Sequence, ID: n.ID, Type: n.Type, At: n.At, Stage: n.Stage,
			Receipts: slices.Clone(r.Receipts)})
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

func (r Delivery) state() string {
	switch {
	case r.Pending:
		return "in progress; \"Pending activities\" has its attempts"
	case !r.GivenUpAt.IsZero():
		return fmt.Sprintf("**given up** at %s after %d attempts: %s", when(r.GivenUpAt), r.Attempts, r.Answer)
	}
	return fmt.Sprintf("delivered at %s, attempt %d: %s", when(r.DeliveredAt), r.Attempts, r.Answer)
}
