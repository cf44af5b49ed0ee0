package portal

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"rsc.io/qr"

	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// ConnectFi does not say which documents it wants (C). Of the types it takes, these
// tell who a person is; and these are what a business has.
var (
	ofPeople   = []kyc.DocumentType{"license", "passport", "identification_card", "residence_permit"}
	ofBusiness = []kyc.DocumentType{"contract", "utility", "bank_statement", "other"}
)

// How often a page asks for news: a person at a desk sees within 5 s what the
// phone has done; a review takes days.
const (
	soon  = 4 * time.Second
	later = 20 * time.Second
)

// caseModel is the case as the applicant may see it: only their part, no ids of
// others, and no word about how it was decided.
func (p *Portal) caseModel(c *gin.Context, a applicant, v kyc.View, revision string, sent *form) page.Case {
	lang := p.language(c)
	all := a.mine(v)
	since := url.Values{"rev": {revision}}
	m := page.Case{Lang: lang, For: whom(a.Ticket, v), URL: p.caseOf(a), News: p.news(a, since),
		Every: later, Deadline: deadline(v.Until, time.Now()), Others: p.alternates(c, lang), QR: p.qr(a.Ticket)}
	if sent != nil {
		m.Problem = sent.problem
	}
	for _, e := range all {
		who := person(v, e.ID)
		who.State = state(v, e)
		if wants(v, e) {
			who.URL = p.stepURL(a, all, e.ID, "")
		}
		if e.Sending || who.URL != "" {
			m.Every = soon
		}
		m.People = append(m.People, who)
	}
	for _, t := range v.Timeline {
		if t.What == kyc.EntrySubmitted && a.canActFor(t.Entity) {
			m.Received = append(m.Received, page.Received{Type: t.Note, At: t.At})
		}
	}
	if v.Stage == kyc.Identifying || v.Stage == kyc.Processing {
		m.Every = soon
	}
	if v.Stage == kyc.InReview && v.NextCheckAt.After(v.CheckedAt) {
		m.Checked, m.Next = v.CheckedAt, v.NextCheckAt
		since.Set("next", strconv.FormatInt(v.NextCheckAt.Unix(), 10))
		m.News = p.news(a, since)
	}
	m.Status = status(v, m.People, len(m.Received) > 0)
	return m
}

// stepModel is one step of an entity's documents, and what became of a form that
// was sent, if one was.
func (p *Portal) stepModel(c *gin.Context, a applicant, v kyc.View, e kyc.EntityView, revision string, d draft,
	step string, sent *form) page.Step {
	lang, all := p.language(c), a.mine(v)
	who := person(v, e.ID)
	name := d.step(step)
	if sent != nil {
		d, name = sent.draft, sent.shown()
	}
	steps := stepsOf(d.Type)
	at := slices.Index(steps, name)
	since := url.Values{"rev": {revision + d.mark()}, "draft": {noteOf(e.ID)}, "for": {p.number(all, e.ID)},
		"step": {name}}
	m := page.Step{Lang: lang, For: whom(a.Ticket, v), Name: name, Number: at + 1, Of: len(steps),
		URL: p.stepURL(a, all, e.ID, name), News: p.news(a, since), Every: soon,
		CSRF: p.csrf(a), Entity: e.ID, Who: who, Alone: len(v.Entities) == 1, Again: state(v, e) == "still_wanted",
		Deadline: deadline(v.Until, time.Now()), Types: pageTypes(who.Kind), Chosen: string(d.Type),
		Limits: p.pageLimits(), QR: p.qr(a.Ticket), Others: p.alternates(c, lang)}
	switch {
	case at > 0:
		m.Back = p.stepURL(a, all, e.ID, steps[at-1])
	case len(all) > 1:
		m.Back = p.caseOf(a)
	}
	side := kyc.Side(name)
	if k, there := d.kept(side); there {
		m.Side.Kept = true
		for _, w := range k.Warnings {
			if k.doubtful() {
				m.Side.Warnings = append(m.Side.Warnings, string(w))
			}
		}
	}
	for _, side := range d.Type.Sides() {
		if k, there := d.kept(side); there {
			m.Sides = append(m.Sides, page.Kept{Side: string(side), At: k.At, Change: p.stepURL(a, all, e.ID, string(side))})
		}
	}
	if sent != nil {
		m.Problem, m.Side.Problem = sent.problem, sent.refused[side]
		if m.Problem == "consent_missing" && name != stepReview {
			m.Problem = "" // it is asked for further on
		}
	}
	return m
}

// news is where a page asks whether anything has happened since it was made.
func (p *Portal) news(a applicant, query url.Values) string {
	return p.home + "/state/" + a.Nonce + "?" + query.Encode()
}

// deadline is the last day that ends before a time wherever an applicant lives. A
// day ends last in American Samoa, 11 hours behind UTC, and begins first in
// Kiribati, 14 hours ahead. Once that day is over somewhere, the deadline is the
// time that is left.
func deadline(until, now time.Time) page.Deadline {
	if until.IsZero() {
		return page.Deadline{}
	}
	date := func(t time.Time, zone time.Duration) time.Time { return t.UTC().Add(zone).Truncate(24 * time.Hour) }
	last := date(until, -11*time.Hour).AddDate(0, 0, -1)
	if last.Before(date(now, 14*time.Hour)) {
		return page.Deadline{Left: max(until.Sub(now), time.Minute)}
	}
	return page.Deadline{Day: last}
}

// person is an entity as all pages of its case call it. Representatives have
// numbers, because names are not shown.
func person(v kyc.View, entity string) page.Person {
	number, of := 0, 0
	for _, e := range v.Entities {
		if !e.IsCustomer {
			of++
		}
		if e.ID == entity {
			number = of
		}
	}
	for _, e := range v.Entities {
		switch {
		case e.ID != entity:
			continue
		case !e.IsCustomer:
			return page.Person{Kind: "representative", Number: number, Of: of}
		case v.CustomerType == kyc.Business:
			return page.Person{Kind: "business"}
		}
	}
	return page.Person{Kind: "you"}
}

// whom is what every page says of whose it is: two links in one browser look
// the same otherwise, and photos would go to the wrong person.
func whom(t linktoken.Ticket, v kyc.View) page.Whom {
	w := page.Whom{Reference: v.Reference}
	if t.Part != "" {
		p := person(v, t.Part)
		w.Kind, w.Number, w.Of = p.Kind, p.Number, p.Of
	}
	return w
}

// wants reports whether documents of an entity can be sent now.
func wants(v kyc.View, e kyc.EntityView) bool {
	s := state(v, e)
	return s == "wanted" || s == "still_wanted"
}

// state is where one person stands.
func state(v kyc.View, e kyc.EntityView) string {
	switch {
	case e.Sending:
		return "sending"
	case v.Stage == kyc.AwaitingDocuments && e.Status.WantsDocuments():
		if slices.ContainsFunc(v.Timeline, func(t kyc.Entry) bool {
			return t.Entity == e.ID && (t.What == kyc.EntryHandedOver || t.What == kyc.EntryRefused)
		}) {
			return "still_wanted"
		}
		return "wanted"
	case e.Status.Completed():
		return "done"
	case e.Status.InReview():
		return "review"
	}
	return "waiting"
}

// status says where the whole stands, as far as these people are concerned:
// what they can do goes first. Nobody hears that some is done who has sent nothing.
func status(v kyc.View, people []page.Person, sent bool) string {
	is := func(state string) bool {
		return slices.ContainsFunc(people, func(p page.Person) bool { return p.State == state })
	}
	switch {
	case is("still_wanted"):
		return "still_wanted"
	case is("wanted") && sent:
		return "partly"
	case is("wanted"):
		return "wanted"
	case is("sending"):
		return "sending"
	}
	switch v.Stage {
	case kyc.InReview:
		return "review"
	case kyc.AwaitingData:
		return "data"
	case kyc.Held:
		return "held"
	case kyc.AwaitingDocuments:
		return "yours_done"
	}
	return "working"
}

// types of documents that would do for this kind of person.
func types(kind string) []kyc.DocumentType {
	if kind == "business" {
		return ofBusiness
	}
	return ofPeople
}

// pageTypes are these types as the page offers them.
func pageTypes(kind string) (all []page.Type) {
	for _, t := range types(kind) {
		sides := make([]string, 0, 2)
		for _, side := range t.Sides() {
			sides = append(sides, string(side))
		}
		all = append(all, page.Type{Value: string(t), Sides: sides})
	}
	return all
}

func (p *Portal) pageLimits() page.Limits {
	l := p.config.Limits
	return page.Limits{MaxBytes: l.MaxBytes, MinEdge: l.MinEdge, MaxPixels: l.MaxPixels}
}

// qr draws a link to the same part of the same case, good for as long as this
// ticket; nil if it does not fit.
func (p *Portal) qr(t linktoken.Ticket) *page.QR {
	t.Nonce = ""
	code, err := qr.Encode(p.edge.Keys.Address(p.edge.PublicURL.String(), t), qr.M)
	if err != nil {
		return nil
	}
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	return &page.QR{Path: path.String(), Size: code.Size}
}
