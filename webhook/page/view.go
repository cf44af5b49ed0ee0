package page

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
)

// frame is what layout.html needs around any page.
type frame struct {
	Lang, Title string
	Wrong       bool // the title says that something has to be mended
	Refresh     int  // without script, load again by itself after so many seconds; zero is never
	For         string
	Others      []Other
	Page        any
}

func (l Landing) kind() string { return "landing" }
func (l Landing) lang() string { return l.Lang }
func (l Landing) in(w catalog) frame {
	return frame{Title: w.text["landing.title"], For: w.whom(l.For), Others: l.Others, Page: l}
}

func (s Statement) kind() string { return "statement" }
func (s Statement) lang() string { return s.Lang }
func (s Statement) in(w catalog) frame {
	return frame{Title: w.text["statement.title"], Others: s.Others, Page: s}
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

// caseView is a Case in one language.
type caseView struct {
	Case
	Every                   int // seconds
	Tone, Icon, Title, Text string
	Until, Happens, Ends    string
	People                  []personView
	Received                []receivedView
	Checked                 *checkedView
	Forms                   bool
}

type personView struct{ Title, State, Label, URL string }

type receivedView struct {
	Type string
	At   time.Time
}

type checkedView struct{ Last, Next time.Time }

// statusStyles is how each status looks: a tone of the style sheet and an icon.
var statusStyles = map[string][2]string{
	"wanted": {"ask", "camera"}, "still_wanted": {"ask", "camera"}, "partly": {"ask", "camera"}, "yours_done": {"good",
		"check"},
	"working": {"calm", "clock"}, "sending": {"good", "check"}, "review": {"calm", "clock"},
	"data": {"calm", "clock"}, "held": {"calm", "clock"}, "finished": {"good", "check"},
}

func (c Case) kind() string { return "case" }
func (c Case) lang() string { return c.Lang }
func (c Case) in(w catalog) frame {
	v := caseView{Case: c, Every: int(c.Every / time.Second), Tone: "calm", Icon: "clock",
		Title: w.of("status", c.Status, "title"), Text: w.of("status", c.Status, "text"),
		Happens: w.of("status", c.Status, "next")}
	if look, ok := statusStyles[c.Status]; ok {
		v.Tone, v.Icon = look[0], look[1]
	}
	for _, person := range c.People {
		v.Forms = v.Forms || person.URL != ""
		if len(c.People) > 1 {
			v.People = append(v.People, personView{w.person(person.Kind, person.Number, person.Of), person.State,
				w.of("state", person.State, "label"), person.URL})
		}
	}
	for _, r := range c.Received {
		v.Received = append(v.Received, receivedView{w.of("type", r.Type, "label"), r.At})
	}
	if !c.Checked.IsZero() {
		v.Checked = &checkedView{c.Checked, c.Next}
	}
	switch { // a date binds only an applicant who has something to do
	case v.Forms:
		v.Until = w.deadline(c.Deadline)
	case !c.Deadline.Day.IsZero():
		v.Ends = strings.ReplaceAll(w.text["happens.latest"], "{date}", w.day(c.Deadline.Day))
	}
	f := frame{Title: v.Title, For: w.whom(c.For), Others: c.Others, Page: v, Wrong: c.Problem != ""}
	if c.Every > 0 {
		f.Refresh = max(10, v.Every)
	}
	return f
}

// stepView is a Step in one language.
type stepView struct {
	Step
	Every        int // seconds
	Dots         []bool
	Title, Whose string
	Until        string
	Troubles     []string
	Wrong        bool // something has to be mended; without it, all troubles are doubts
	Types        []typeView
	Type         string // the chosen one's name
	Label        string // of the photo
	Picture      string // of the example: front, back or paper
	Rules        string // the limits in words
	Redraw       bool   // the script sends it again as the browser draws it
	Kept         []keptView
	Change       string // where the type is chosen
	AgreeBad     bool
	Here         []string // refusals the script finds
}

type typeView struct {
	Value, Name, Icon string
	Chosen, Two       bool
}

type keptView struct{ Label, Change string }

// icons of documents; any other is a card.
var icons = map[string]string{"passport": "book", "contract": "paper", "utility": "paper", "bank_statement": "paper",
	"other": "paper"}

func (s Step) kind() string { return "step" }
func (s Step) lang() string { return s.Lang }
func (s Step) in(w catalog) frame {
	if s.Consent.Text == "" {
		s.Consent.Text = w.text["consent.text"]
	}
	v := stepView{Step: s, Every: int(s.Every / time.Second), Rules: w.rules(s.Limits), Here: clientSideChecks,
		Type: w.of("type", s.Chosen, "label"), Redraw: slices.Contains(redrawn, s.Side.Problem),
		Until:    w.deadline(s.Deadline),
		AgreeBad: s.Consent.Problem || s.Problem == "consent_missing"}
	if !s.Alone {
		v.Whose = w.person(s.Who.Kind, s.Who.Number, s.Who.Of)
	}
	for i := range s.Of {
		v.Dots = append(v.Dots, i < s.Number)
	}
	two := false
	for _, kind := range s.Types {
		t := typeView{Value: kind.Value, Name: w.of("type", kind.Value, "label"), Icon: icons[kind.Value],
			Chosen: kind.Value == s.Chosen, Two: slices.Contains(kind.Sides, "back")}
		if t.Icon == "" {
			t.Icon = "card"
		}
		two = two || t.Chosen && t.Two
		v.Types = append(v.Types, t)
	}
	v.Label, v.Picture = w.side(s.Name, two), s.Name
	if icons[s.Chosen] == "paper" {
		v.Picture = "paper"
	}
	switch s.Name {
	case "document":
		v.Title = w.text["form.type"]
	case "review":
		v.Title = w.text["review.title"]
	default:
		v.Title = strings.NewReplacer("{type}", v.Type, "{side}", v.Label).Replace(w.text["photo.title"])
	}
	for _, kept := range s.Sides {
		v.Kept = append(v.Kept, keptView{w.side(kept.Side, two), kept.Change})
	}
	if s.Name == "review" {
		v.Change = documentURL(s.URL)
	}
	v.trouble(w)
	return frame{Title: v.Title, Wrong: v.Wrong, For: w.whom(s.For), Others: s.Others, Page: v}
}

// documentURL is the address of the first step beside that of another one.
func documentURL(url string) string { return strings.Replace(url, "step=review", "step=document", 1) }

// trouble collects what is wrong with the form that was sent.
func (v *stepView) trouble(w catalog) {
	say := func(group, code string) {
		v.Troubles = append(v.Troubles, w.fill(w.of(group, code, "why")+" "+w.of(group, code, "next"), v.Limits))
	}
	if v.AgreeBad {
		v.Problem = "consent_missing"
	}
	if v.Problem != "" {
		say("problem", v.Problem)
	}
	if v.Side.Problem != "" {
		say("refusal", v.Side.Problem)
	}
	v.Wrong = len(v.Troubles) > 0
	for _, warning := range v.Side.Warnings {
		say("warning", warning)
	}
}

// functions are what the templates call.
func (p *Pages) functions(w catalog) template.FuncMap {
	return template.FuncMap{
		"t":             w.say,
		"of":            w.of,
		"text":          strconv.Itoa,
		"url":           p.url,
		"lang":          func() string { return w.lang },
		"add":           func(a, b int) int { return a + b },
		"tongue":        func(lang string) string { return p.in(lang).text["language"] },
		"moment":        w.moment,
		"frames":        func() string { return p.frames },
		"company":       func() string { return p.brand.Company },
		"logo":          func() string { return p.urls[p.brand.logo] },
		"support":       func() *contact { return p.brand.support },
		"privacy":       func() string { return p.brand.Privacy },
		"accessibility": func() string { return p.root + "/accessibility" },
		"fill": func(group, code, part string, l Limits) string {
			return w.fill(w.of(group, code, part), l)
		},
	}
}
