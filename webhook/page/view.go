package page

import (
	"fmt"
	"slices"
	"strings"
)

// frame is what layout.html needs around any page.
type frame struct {
	Lang, Title string
	Wrong       bool // the title says that something has to be mended
	Refresh     bool // without script, load again by itself
	For         string
	Others      []Other
	Page        any
}

func (l Landing) kind() string { return "landing" }
func (l Landing) lang() string { return l.Lang }
func (l Landing) in(w catalog) frame {
	return frame{Title: w.text["landing.title"], For: w.whom(l.For), Others: l.Others, Page: l}
}

type messageView struct {
	Message
	Tone, Icon        string
	Title, Text, Next string
}

func (m Message) kind() string { return "message" }
func (m Message) lang() string { return m.Lang }
func (m Message) in(w catalog) frame {
	v := messageView{Message: m, Tone: "calm", Icon: "info", Title: w.of("message", m.Code, "title"),
		Text: w.fill(w.of("message", m.Code, "text"), m.Limits),
		Next: strings.ReplaceAll(w.of("message", m.Code, "next"), "{wait}", w.span(m.Wait))}
	if m.Code == "finished" {
		v.Tone, v.Icon = "good", "check"
	}
	return frame{Title: v.Title, For: w.whom(m.For), Others: m.Others, Page: v}
}

// caseView is a Case in one language, with every id given out.
type caseView struct {
	Case
	Tone, Icon, Title, Text string
	Until                   string
	Here                    []string // refusals the script finds
	Troubles                []trouble
	Wrong                   bool // something has to be mended; without it, all troubles are doubts
	People                  []personView
	Forms                   bool
}

// trouble is a line of the summary: what is wrong, and the id of the place. Of
// a doubt, the applicant is the judge.
type trouble struct {
	At, Where, Text string
	Doubt           bool
}

type personView struct {
	At, Title, State, Label string
	Form                    *formView
}

// statusStyles is how each status looks: a tone of the style sheet and an icon.
var statusStyles = map[string][2]string{
	"wanted": {"ask", "camera"}, "still_wanted": {"ask", "camera"}, "partly": {"ask", "camera"}, "yours_done": {"good",
		"check"},
	"working": {"calm", "clock"}, "sending": {"calm", "clock"}, "review": {"calm", "clock"},
	"data": {"calm", "clock"}, "held": {"calm", "clock"}, "finished": {"good", "check"},
}

func (c Case) kind() string { return "case" }
func (c Case) lang() string { return c.Lang }
func (c Case) in(w catalog) frame {
	if c.Consent.Text == "" {
		c.Consent.Text = w.text["consent.text"]
	}
	v := caseView{Case: c, Tone: "calm", Icon: "clock", Title: w.of("status", c.Status, "title"),
		Text: w.of("status", c.Status, "text"), Here: clientSideChecks}
	if look, ok := statusStyles[c.Status]; ok {
		v.Tone, v.Icon = look[0], look[1]
	}
	alone := len(c.People) == 1
	for i, person := range c.People {
		if alone && person.Form == nil {
			break // the banner said it all
		}
		p := personView{At: fmt.Sprintf("p%d", i+1), Title: w.person(person.Kind, person.Number),
			State: person.State, Label: w.of("state", person.State, "label")}
		if alone { // no list to stand out in
			p.Label = ""
			if person.Kind == "you" {
				p.Title = w.text["person.alone"]
			}
		}
		if person.Form != nil {
			// The agreement that is missing is marked once: where it was said of
			// a form, or else in the first one.
			blame := c.Consent.Problem && !v.Forms && !slices.ContainsFunc(c.People, func(p Person) bool {
				return p.Form != nil && p.Form.Problem == "consent_missing"
			})
			p.Form = viewForm(w, p.At, person.Form, c, blame)
			p.Form.First, v.Forms = !v.Forms, true
			v.Troubles = append(v.Troubles, p.Form.errorSummary(w, p, c.Limits)...)
		}
		v.People = append(v.People, p)
	}
	v.Wrong = slices.ContainsFunc(v.Troubles, func(t trouble) bool { return !t.Doubt })
	// A date binds only whoever has something to do.
	if !c.Until.IsZero() && v.Forms {
		v.Until = w.day(c.Until)
	}
	return frame{Title: v.Title, Wrong: v.Wrong, For: w.whom(c.For), Others: c.Others, Page: v,
		Refresh: c.Live && !v.Forms} // never under the hands of somebody who is choosing
}
