package portal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"rsc.io/qr"

	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// ConnectFi does not say which documents it wants (C). These are what people
// have, and what a business has, of the types it takes.
var (
	ofPeople   = []kyc.DocumentType{"license", "passport", "identification_card", "residence_permit", "utility"}
	ofBusiness = []kyc.DocumentType{"contract", "utility", "bank_statement", "other"}
)

// model is the case as the applicant may see it: only their part, no ids of
// others, and no word about how it was decided.
func (p *Portal) model(c *gin.Context, a applicant, v kyc.View, revision string, sent *form) page.Case {
	lang := p.language(c)
	m := page.Case{Lang: lang, For: whom(a.Ticket, v), CSRF: p.csrf(a), Action: p.caseOf(a),
		News: p.home + "/state/" + a.Nonce, Revision: revision, Until: v.Until,
		Limits: p.pageLimits(), Others: alternates(lang), QR: p.qr(a.Ticket)}
	if sent != nil {
		m.Consent = page.Consent{Given: sent.consent != nil, Problem: sent.problem == "consent_missing"}
	}
	for _, e := range v.Entities {
		if !a.canActFor(e.ID) {
			continue
		}
		who := person(v, e.ID)
		if who.Kind == "representative" && a.Part != "" {
			who.Kind = "you"
		}
		who.State = state(v, e)
		if who.State == "wanted" || who.State == "still_wanted" {
			who.Form = emptyForm(e.ID, who.Kind)
			if sent != nil && sent.entity == e.ID {
				p.toModel(who.Form, a, sent)
			}
		}
		m.Live = m.Live || e.Sending
		m.People = append(m.People, who)
	}
	m.Live = m.Live || v.Stage == kyc.Identifying || v.Stage == kyc.Processing
	m.Status = status(v, m.People)
	return m
}

// person is an entity as all pages of its case call it. Representatives have
// numbers, because names are not shown.
func person(v kyc.View, entity string) page.Person {
	number := 0
	for _, e := range v.Entities {
		if !e.IsCustomer {
			number++
		}
		switch {
		case e.ID != entity:
			continue
		case !e.IsCustomer:
			return page.Person{ID: entity, Kind: "representative", Number: number}
		case v.CustomerType == kyc.Business:
			return page.Person{ID: entity, Kind: "business"}
		}
	}
	return page.Person{ID: entity, Kind: "you"}
}

// whom is what every page says of whose it is: two links in one browser look
// the same otherwise, and photos would go to the wrong person.
func whom(t linktoken.Ticket, v kyc.View) page.Whom {
	w := page.Whom{Reference: v.Reference}
	if t.Part != "" {
		p := person(v, t.Part)
		w.Kind, w.Number = p.Kind, p.Number
	}
	return w
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
// what they can do goes first.
func status(v kyc.View, people []page.Person) string {
	is := func(state string) bool {
		return slices.ContainsFunc(people, func(p page.Person) bool { return p.State == state })
	}
	switch {
	case is("still_wanted"):
		return "still_wanted"
	case is("wanted") && is("done"):
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

// emptyForm is a form that nobody has filled in.
func emptyForm(entity, kind string) *page.Form {
	f := &page.Form{Entity: entity, Sides: map[string]page.Side{}}
	for _, t := range types(kind) {
		sides := make([]string, 0, 2)
		for _, side := range t.Sides() {
			sides = append(sides, string(side))
		}
		f.Types = append(f.Types, page.Type{Value: string(t), Sides: sides})
	}
	return f
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
