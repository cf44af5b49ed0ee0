package page

import (
	"time"
)

// Story is a model for every state there is to see.
type Story struct {
	Name  string
	Model Model
}

// Storybook is every state in one language: what New tries, what the tests hold
// on to, and what a developer looks through.
func Storybook(lang string) []Story {
	others := []Other{}
	for _, other := range Languages {
		if other != lang {
			others = append(others, Other{other, "?lang=" + other})
		}
	}
	limits := Limits{MaxBytes: 10 << 20, MinEdge: 600, MaxPixels: 50_000_000}
	whole, part := Whom{Reference: "A1"}, Whom{Reference: "A1", Kind: "representative", Number: 2}
	base := Case{Lang: lang, For: whole, CSRF: "csrf-token", Action: "/verify/case/ID", News: "/verify/state/ID",
		Revision: "7", Limits: limits, Others: others}
	// with is a case of this status, changed by what the story is about.
	with := func(status string, change func(*Case)) Case {
		c := base
		c.Status = status
		change(&c)
		return c
	}
	you := func(state string, form *Form) []Person {
		return []Person{{ID: "e1", Kind: "you", State: state, Form: form}}
	}
	// asked is a person's form after an attempt that told us so much.
	asked := func(chosen, problem string, sides map[string]Side) *Form {
		f := identity("e1")
		f.Chosen, f.Problem, f.Sides, f.Draft = chosen, problem, sides, "draft"
		return f
	}
	until := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

	stories := []Story{
		{"landing", Landing{Lang: lang, CSRF: "csrf-token", Action: "/verify/start", By: "Acme Lending", For: part,
			Others: others, QR: square()}},
		{"landing_plain", Landing{Lang: lang, Action: "/verify/start", Others: others}},
		{"working", with("working", func(c *Case) { c.Live, c.People = true, you("waiting", nil) })},
		{"wanted", with("wanted", func(c *Case) {
			c.Until, c.QR, c.People = until, square(),
				you("wanted", identity("e1"))
		})},
		{"wanted_one_type", with("wanted", func(c *Case) {
			c.People = you("wanted", &Form{Entity: "e1", Types: []Type{{"license", Sides}}})
		})},
		{"business", with("wanted", func(c *Case) {
			c.Live, c.Until, c.People = true, until, []Person{
				{ID: "e2", Kind: "business", State: "wanted", Form: company("e2")},
				{ID: "e1", Kind: "you", State: "review"},
				{ID: "e3", Kind: "representative", Number: 2, State: "still_wanted", Form: identity("e3")},
			}
		})},
		{"partly", with("partly", func(c *Case) {
			c.Consent.Given, c.People = true, []Person{
				{ID: "e1", Kind: "you", State: "done"},
				{ID: "e2", Kind: "business", State: "sending"},
				{ID: "e3", Kind: "representative", Number: 2, State: "wanted", Form: identity("e3")},
			}
		})},
		{"yours_done", with("yours_done", func(c *Case) { c.For, c.People = part, you("done", nil) })},
		{"sending", with("sending", func(c *Case) { c.Live, c.People = true, you("sending", nil) })},
		{"still_wanted", with("still_wanted", func(c *Case) {
			c.Until, c.Consent.Given, c.People = until, true, you("still_wanted", asked("license", "", nil))
		})},
		{"review", with("review", func(c *Case) { c.Live, c.People = true, you("review", nil) })},
		{"data", with("data", func(c *Case) { c.People = you("waiting", nil) })},
		{"held", with("held", func(c *Case) { c.People = you("waiting", nil) })},
		{"finished", with("finished", func(c *Case) { c.People = you("done", nil) })},
		{"refused", with("wanted", func(c *Case) {
			c.People = you("wanted", asked("license", "", map[string]Side{"front": {Problem: "heic"},
				"back": {Problem: "too_small"}}))
		})},
		{"one_kept", with("wanted", func(c *Case) {
			c.People = you("wanted", asked("license", "", map[string]Side{"front": {Kept: true}, "back": {Problem: "missing"}}))
		})},
		{"warned", with("wanted", func(c *Case) {
			c.Consent.Given = true
			c.People = you("wanted", asked("license", "", map[string]Side{
				"front": {Kept: true, Warnings: []string{"blurred", "dark"}}, "back": {Kept: true}}))
		})},
		{"no_consent", with("wanted", func(c *Case) {
			c.Consent.Problem = true
			c.People = you("wanted", asked("passport", "consent_missing", map[string]Side{"front": {Kept: true}}))
		})},
		{"no_type", with("wanted", func(c *Case) { c.People = you("wanted", asked("", "type_unknown", nil)) })},
		{"already_sending", with("sending", func(c *Case) {
			c.Live, c.People = true, you("sending", asked("license", "already_sending", nil))
		})},
		{"codes_of_tomorrow", with("new", func(c *Case) {
			c.People = []Person{{ID: "e1", Kind: "new", State: "new", Form: &Form{Entity: "e1",
				Types:   []Type{{"new", Sides[:1]}},
				Problem: "new", Sides: map[string]Side{"front": {Problem: "new", Warnings: []string{"new"}}}}}}
		})},
	}
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

// identity is a form for the documents of a person.
func identity(entity string) *Form {
	return &Form{Entity: entity, Types: []Type{{"license", Sides}, {"passport", Sides[:1]},
		{"identification_card", Sides[:1]}, {"residence_permit", Sides[:1]}}}
}

// company is a form for the documents of a business.
func company(entity string) *Form {
	return &Form{Entity: entity, Types: []Type{{"contract", Sides[:1]}, {"utility", Sides[:1]}, {"other", Sides[:1]}}}
}

// square looks like a QR code and leads nowhere.
func square() *QR {
	return &QR{Size: 21, Path: "M0 0h7v7h-7zM1 1v5h5v-5zM2 2h3v3h-3zM14 0h7v7h-7zM15 1v5h5v-5zM16 2h3v3h-3zM0 14h7v7h-7z" +
		"M1 15v5h5v-5zM2 16h3v3h-3zM9 1h2v3h-2zM8 8h4v2h-4zM14 9h5v2h-5zM9 13h3v5h-3zM14 14h3v3h-3zM18 18h2v2h-2zM1 9h4v2h-4z"}
}
