package page

import (
	"slices"
	"time"
)

// Story is a model for every state there is to see.
type Story struct {
	Name  string
	Model Model
}

// Storybook is every state in one language: what New tries, what the tests hold
// on to, and what a developer looks through.
func (p *Pages) Storybook(lang string) []Story {
	others := []Other{}
	for _, other := range p.languages {
		if other != lang {
			others = append(others, Other{other, "?lang=" + other})
		}
	}
	limits := Limits{MaxBytes: 10 << 20, MinEdge: 600, MaxPixels: 50_000_000}
	stories := []Story{
		{"landing", Landing{Lang: lang, CSRF: "csrf-token", Action: "/verify/start", News: "/verify/link/X?rev=1",
			For: Whom{Reference: "A1", Kind: "representative", Number: 2, Of: 2}, Others: others, QR: square()}},
		{"landing_plain", Landing{Lang: lang, Action: "/verify/start", Others: others}},
		{"accessibility", Statement{Lang: lang, Others: others}},
	}
	stories = append(stories, steps(lang, others, limits)...)
	stories = append(stories, statuses(lang, others)...)
	for _, code := range Messages {
		m := Message{Lang: lang, Code: code, Limits: limits, Others: others}
		switch code {
		case "finished":
			m.For = Whom{Reference: "A1", Kind: "business"}
		case "too_fast":
			m.Wait, m.Back = 40*time.Second, "/verify"
		case "too_large", "form_stale", "unavailable":
			m.Back = "/verify"
		}
		stories = append(stories, Story{"message_" + code, m})
	}
	return stories
}

// steps are the stories of sending a document.
func steps(lang string, others []Other, limits Limits) (all []Story) {
	add := func(story, name string, change func(*Step)) {
		s := Step{Lang: lang, For: Whom{Reference: "A1"}, Name: name, Of: 4, URL: "/verify/case/ID?step=" + name,
			Back: "/verify/case/ID?step=document", News: "/verify/state/ID?rev=7", Every: 4 * time.Second, CSRF: "csrf-token",
			Entity: "e1", Who: Person{Kind: "you"}, Alone: true, Types: identity, Chosen: "license", Limits: limits,
			Others: others}
		s.Number = slices.Index(Steps, name) + 1
		change(&s)
		all = append(all, Story{story, s})
	}
	until := Deadline{Day: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)}
	add("document", "document", func(s *Step) { s.Chosen, s.Back, s.Deadline, s.QR = "", "", until, square() })
	add("document_chosen", "document", func(s *Step) { s.Deadline = Deadline{Left: 10 * time.Hour} })
	add("document_again", "document", func(s *Step) { s.Chosen, s.Again, s.Deadline = "", true, until })
	add("document_unknown", "document", func(s *Step) { s.Chosen, s.Problem = "", "type_unknown" })
	add("document_business", "document", func(s *Step) {
		s.Types, s.Chosen, s.Alone, s.Who = company, "", false, Person{Kind: "business"}
	})
	add("front", "front", func(s *Step) { s.QR = square() })
	add("front_passport", "front", func(s *Step) { s.Chosen, s.Of = "passport", 3 })
	add("front_paper", "front", func(s *Step) {
		s.Types, s.Chosen, s.Of, s.Alone, s.Who = company, "contract", 3, false, Person{Kind: "business"}
	})
	add("front_refused", "front", func(s *Step) { s.Side.Problem = "heic" })
	add("front_doubtful", "front", func(s *Step) { s.Side = Side{Kept: true, Warnings: []string{"blurred", "dark"}} })
	add("front_kept", "front", func(s *Step) { s.Side.Kept = true })
	add("back", "back", func(s *Step) {
		s.Alone, s.Who = false, Person{Kind: "representative", Number: 2, Of: 3}
	})
	kept := []Kept{{"front", until.Day, "/verify/case/ID?step=front"}, {"back", until.Day, "/verify/case/ID?step=back"}}
	add("review", "review", func(s *Step) { s.Sides = kept })
	add("review_no_consent", "review", func(s *Step) { s.Sides, s.Problem = kept, "consent_missing" })
	add("codes_of_tomorrow", "front", func(s *Step) {
		s.Types, s.Chosen, s.Of, s.Problem = []Type{{"new", Sides[:1]}}, "new", 3, "new"
		s.Side = Side{Problem: "new", Warnings: []string{"new"}}
	})
	return all
}

// statuses are the stories of where a check stands.
func statuses(lang string, others []Other) (all []Story) {
	until := Deadline{Day: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)}
	came := time.Date(2026, 11, 28, 14, 5, 0, 0, time.UTC)
	add := func(status string, change func(*Case)) {
		c := Case{Lang: lang, For: Whom{Reference: "A1"}, URL: "/verify/case/ID", News: "/verify/state/ID?rev=7",
			Every: 20 * time.Second, Status: status, People: []Person{{Kind: "you", State: "waiting"}}, Others: others}
		change(&c)
		all = append(all, Story{"status_" + status, c})
	}
	second := Person{Kind: "representative", Number: 2, Of: 2, State: "wanted", URL: "/verify/case/ID?for=3"}
	add("working", func(c *Case) { c.Every = 4 * time.Second })
	add("wanted", func(c *Case) {
		c.Deadline, c.QR = until, square()
		c.People = []Person{{Kind: "business", State: "wanted", URL: "/verify/case/ID?for=1"},
			{Kind: "representative", Number: 1, Of: 2, State: "review"}, second}
	})
	add("partly", func(c *Case) {
		c.People = []Person{{Kind: "you", State: "done"}, {Kind: "business", State: "sending"}, second}
	})
	add("still_wanted", func(c *Case) {
		c.Deadline, c.Received = until, []Received{{"license", came}}
		second.State = "still_wanted"
		c.People = []Person{{Kind: "representative", Number: 1, Of: 2, State: "review"}, second}
	})
	add("yours_done", func(c *Case) { c.For = Whom{Reference: "A1", Kind: "representative", Number: 2, Of: 2} })
	add("sending", func(c *Case) { c.Received, c.Every = []Received{{"license", came}}, 4*time.Second })
	add("review", func(c *Case) {
		c.Received, c.Checked, c.Next = []Received{{"license", came}, {"passport", came.Add(time.Hour)}},
			came.Add(2*time.Hour), came.Add(8*time.Hour)
		c.Deadline = until
	})
	add("data", func(*Case) {})
	add("held", func(c *Case) { c.Problem = "already_sending" })
	add("finished", func(c *Case) { c.Every = 0 })
	add("new", func(c *Case) { c.People = []Person{{Kind: "new", State: "new"}, {Kind: "new", State: "new"}} })
	return all
}

// identity are documents of a person, and company those of a business.
var (
	identity = []Type{{"license", Sides}, {"passport", Sides[:1]}, {"identification_card", Sides[:1]},
		{"residence_permit", Sides[:1]}}
	company = []Type{{"contract", Sides[:1]}, {"utility", Sides[:1]}, {"bank_statement", Sides[:1]}, {"other", Sides[:1]}}
)

// square looks like a QR code and leads nowhere.
func square() *QR {
	return &QR{Size: 21, Path: "M0 0h7v7h-7zM1 1v5h5v-5zM2 2h3v3h-3zM14 0h7v7h-7zM15 1v5h5v-5zM16 2h3v3h-3zM0 14h7v7h-7z" +
		"M1 15v5h5v-5zM2 16h3v3h-3zM9 1h2v3h-2zM8 8h4v2h-4zM14 9h5v2h-5zM9 13h3v5h-3zM14 14h3v3h-3zM18 18h2v2h-2zM1 9h4v2h-4z"}
}
