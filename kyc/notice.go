package kyc

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Notice is a step of a case that the outside may want to hear of, with what
// was so when it happened. It is made by Apply alone, so that the same events
// always make the same notices, and a notice that is sent again is the same.
type Notice struct {
	ID      string     `json:"id"` // of this step, for ever: see Case.noticeID
	Type    NoticeType `json:"type"`
	At      time.Time  `json:"at"`
	Stage   Stage      `json:"stage"`
	Reading Snapshot   `json:"reading"`         // ConnectFi's last word then
	Links   int        `json:"links,omitempty"` // the number that links to the applicant's page carried then
	Until   time.Time  `json:"until,omitzero"`  // when the stage would end at the latest; zero once final
}

// NoticeType names a kind of notice. The values are sent: they never change.
type NoticeType string

// The kinds of notices. ConnectFi's own work (Processing) is none: nobody has
// anything to do with it.
const (
	NoticeDocuments NoticeType = "case.documents_requested" // also when more are wanted, or again
	NoticeReminder  NoticeType = "case.reminder"
	NoticeReview    NoticeType = "case.in_review"
	NoticeData      NoticeType = "case.data_requested"
	NoticeHeld      NoticeType = "case.held"
	NoticeApproved  NoticeType = "case.approved"
	NoticeDenied    NoticeType = "case.denied"
	NoticeExpired   NoticeType = "case.expired"
	NoticeWithdrawn NoticeType = "case.withdrawn"
)

// noticeForStage says which notice a stage that began is.
var noticeForStage = map[Stage]NoticeType{AwaitingDocuments: NoticeDocuments, InReview: NoticeReview,
	AwaitingData: NoticeData,
	Held:         NoticeHeld, Approved: NoticeApproved, Denied: NoticeDenied, Expired: NoticeExpired,
	Withdrawn: NoticeWithdrawn}

// Final reports whether this is the last notice of its case.
func (n Notice) Final() bool { return n.Stage.Final() }

// ForApplicant reports whether an applicant has something to do: a link to the
// applicant's page belongs with it.
func (n Notice) ForApplicant() bool { return n.Type == NoticeDocuments || n.Type == NoticeReminder }

// FromProvider reports whether ConnectFi's own words make the notice: a reminder, an
// expiry, a withdrawal and a refusal are ours alone, and change no status of
// ConnectFi's.
func (n Notice) FromProvider() bool {
	switch n.Type {
	case NoticeReminder, NoticeExpired, NoticeWithdrawn:
		return false
	}
	return n.Reading.Status != ""
}

// SameNews reports whether this notice has nothing for receivers that the other
// one did not have: the time and the deadline aside.
func (n Notice) SameNews(other Notice) bool {
	return n.Type == other.Type && n.Stage == other.Stage && n.Links == other.Links && equal(n.Reading, other.Reading)
}

// notify adds a notice of the present state. It waits in Notices until a caller
// has taken it over.
func (c *Case) notify(what NoticeType, at time.Time) {
	if what == "" {
		return
	}
	c.NoticeSeq++
	n := Notice{Type: what, At: at, Stage: c.Stage, Reading: c.Reading, Links: c.LinkEpoch}
	n.Reading.ApplicationID = c.ApplicationID
	if !c.Stage.Final() {
		n.Until = c.Until()
	}
	n.ID = c.noticeID(n)
	if what == NoticeDocuments {
		c.Requested = n.ID
	}
	c.Notices = append(c.Notices, n)
}

// noticeID is a digest of everything that makes a notice this one and no other:
// the case that reports it, what it reports, when the case learned that, and
// which number it had. A reminder has its request and its number in
// that place: one that falls due again in a run that was reset is the same.
// What goes into it, and how, must never change: ids are for ever.
func (c *Case) noticeID(n Notice) string {
	place := fmt.Sprintf("%d %d", n.At.UnixNano(), c.NoticeSeq)
	if n.Type == NoticeReminder {
		place = fmt.Sprintf("%s %d", c.Requested, c.Reminded)
	}
	r, h := n.Reading, sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %d %q\n", c.Reference, c.Identity, n.Type, n.Stage, n.Links, place)
	fmt.Fprintf(h, "%q %q %q %q\n", r.ApplicationID, r.AggregatorID, r.Status, r.Outcome)
	for _, e := range r.Entities {
		fmt.Fprintf(h, "%q %t %q %q\n", e.ID, e.IsCustomer, e.Status, e.Outcome)
	}
	return "evt_" + hex.EncodeToString(h.Sum(nil)[:16])
}

// AckNotices forgets the oldest n notices: another workflow has them, or
// nobody wants them.
func (c *Case) AckNotices(n int) {
	if c.Notices = c.Notices[n:]; len(c.Notices) == 0 {
		c.Notices = nil
	}
}
