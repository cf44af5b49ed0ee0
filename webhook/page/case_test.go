package page_test

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/page"
)

// asked is a case with one form for these types.
func asked(types ...page.Type) page.Case {
	return page.Case{Lang: "en", CSRF: "c", Action: "/verify/documents", News: "/verify/state", Revision: "7",
		Status: "wanted",
		People: []page.Person{{ID: "e1", Kind: "you", State: "wanted", Form: &page.Form{Entity: "e1", Types: types}}}}
}

var (
	license  = page.Type{Value: "license", Sides: page.Sides}
	passport = page.Type{Value: "passport", Sides: page.Sides[:1]}
	utility  = page.Type{Value: "utility", Sides: page.Sides[:1]}
)

func TestCaseTells(t *testing.T) {
	// One row for each promise of the models; what is not in has is in hasNot.
	for name, test := range map[string]struct {
		c      page.Case
		change func(*page.Case)
		has    []string
		hasNot []string
	}{
		"every field the server reads": {c: asked(license, passport), change: func(c *page.Case) {
			c.People[0].Form.Draft = "signed"
			c.People[0].Form.Sides = map[string]page.Side{"front": {Kept: true, Warnings: []string{"dark"}}}
		}, has: []string{`name="csrf" value="c"`, `name="lang" value="en"`, `name="entity" value="e1"`,
			`name="draft" value="signed"`,
			`name="type" id="p1-type-license" value="license"`, `name="front"`, `name="back"`,
			`name="anyway" id="p1-anyway" value="yes"`,
			`name="consent" id="p1-consent" value="yes"`, `action="/verify/documents" enctype="multipart/form-data"`}},
		"a document with one side asks for one photo": {c: asked(passport, utility),
			has: []string{"Photo of the document"}, hasNot: []string{`name="back"`, "Front side", "one photo</span>"}},
		"one with two asks for both": {c: asked(license),
			has:    []string{"Front side", "Back side", "(front and back)", `type="hidden" name="type" value="license"`},
			hasNot: []string{"Only needed for", "Photo of the document", `type="radio"`}},
		"where it depends, it says on what": {c: asked(license, passport),
			has: []string{"Only needed for: Driving licence.", "Photo of the document", `value="license" data-two`}},
		"neither doubt nor consent without a reason": {c: asked(passport),
			change: func(c *page.Case) { c.Consent.Given = true },
			has:    []string{"I agree that my photos", "You have agreed to this."}, hasNot: []string{"anyway\"",
				`name="consent"`}},
		"the consent's own text": {c: asked(passport), change: func(c *page.Case) { c.Consent.Text = "All <of> it" },
			has: []string{"All &lt;of&gt; it"}, hasNot: []string{"I agree that my photos"}},
		"nothing has happened: it does not ask for news": {c: asked(passport),
			hasNot: []string{"data-news-url", "<noscript>"}},
		"live with a form: never loads again by itself": {c: asked(passport), change: func(c *page.Case) { c.Live = true },
			has:    []string{`data-news-url="/verify/state?rev=7"`, `<noscript><p><a href="/verify/documents">`},
			hasNot: []string{"http-equiv"}},
		"live without a form: loads again by itself": {c: page.Case{Status: "sending", News: "/verify/state", Revision: "a&b",
			Live: true},
			has: []string{`<noscript><meta http-equiv="refresh" content="10"></noscript>`,
				`data-news-url="/verify/state?rev=a%26b"`}},
		"a date binds who has something to do": {c: asked(passport), change: func(c *page.Case) { c.Until = time.Unix(0, 0) },
			has: []string{"Please do this by 1\u00a0January\u00a01970."}},
		"and nobody else": {c: page.Case{Status: "review", Until: time.Unix(0, 0)}, hasNot: []string{"Please do this"}},
		"people without names": {c: page.Case{Status: "review", People: []page.Person{{Kind: "you", State: "done"},
			{Kind: "business", State: "sending"}, {Kind: "representative", Number: 3, State: "review"}}},
			has: []string{">You<", ">The business<", ">Person 3<", ">Being sent<"}},
		"a language it does not speak": {c: page.Case{Lang: "fr", Status: "review"}, has: []string{`<html lang="en">`}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.change != nil {
				test.change(&test.c)
			}
			html := draw(t, test.c)
			for _, has := range test.has {
				require.Contains(t, html, has)
			}
			for _, not := range test.hasNot {
				require.NotContains(t, html, not)
			}
		})
	}
}

func TestTheMissingAgreementIsMarkedOnce(t *testing.T) {
	two := func(first, second string) page.Case {
		c := asked(passport)
		c.Consent.Problem = true
		c.People = append(c.People, page.Person{ID: "e2", Kind: "business", State: "wanted", Form: &page.Form{Entity: "e2",
			Types: []page.Type{utility}}})
		c.People[0].Form.Problem, c.People[1].Form.Problem = first, second
		return c
	}
	for name, test := range map[string]struct {
		c  page.Case
		at string
	}{
		"of the whole case: in the first form": {two("", ""), "p1"},
		"of the first form":                    {two("consent_missing", ""), "p1"},
		"of the second form":                   {two("", "consent_missing"), "p2"},
	} {
		t.Run(name, func(t *testing.T) {
			html := draw(t, test.c)
			require.Equal(t, 1, strings.Count(html, `-consent-problem">`), "said once")
			require.Contains(t, html, `id="`+test.at+`-consent-problem"`)
			require.Contains(t, html, `href="#`+test.at+`-consent"`)
		})
	}
}

// Doubts are the applicant's to judge: the page asks, and does not call it an error.
func TestADoubtIsNoError(t *testing.T) {
	c := asked(passport)
	c.People[0].Form.Sides = map[string]page.Side{"front": {Kept: true, Warnings: []string{"blurred"}}}
	html := draw(t, c)
	require.Contains(t, html, `class="summary mild"`)
	require.NotContains(t, html, "<title>Error")
	require.NotContains(t, html, "We already have this photo", "it says to take it again")
	c.People[0].Form.Sides["front"] = page.Side{Problem: "broken"}
	html = draw(t, c)
	require.Contains(t, html, `class="summary"`)
	require.Contains(t, html, "<title>Error: ")
}

func TestLandingSaysWhoAsksAndSpendsNothing(t *testing.T) {
	html := draw(t, page.Landing{Lang: "en", Action: "/verify/x", By: "A & B <Bank>"})
	require.Contains(t, html, "A &amp; B &lt;Bank&gt; asked for this")
	require.Contains(t, html, `<form class="start" method="post" action="/verify/x">`)
	require.NotContains(t, html, "csrf")
	require.NotContains(t, html, "<a href=", "a link would be followed by a preview")
}

func TestMessagesSayWhatToDo(t *testing.T) {
	html := draw(t, page.Message{Lang: "en", Code: "too_fast", Wait: 40 * time.Second, Back: "/verify"})
	require.Contains(t, html, "Wait 40 seconds, then try again.")
	require.Contains(t, html, `href="/verify">Back to your check`)
	html = draw(t, page.Message{Lang: "en", Code: "too_large", Limits: page.Limits{MaxBytes: 10 << 20}})
	require.Contains(t, html, "up to 10\u00a0MB.")
	require.NotContains(t, html, "Back to your check")
	require.Contains(t, draw(t, page.Message{Code: "of tomorrow"}), "This does not work just now")
}

// The script has no words of its own, so it can say in every language what the
// page gave it, and only that.
func TestTheScriptFindsItsWords(t *testing.T) {
	photo, err := os.ReadFile("assets/photo.js") // gives codes of refusals to the other
	require.NoError(t, err)
	script, err := os.ReadFile("assets/page.js")
	require.NoError(t, err)
	script = append(script, photo...)
	var asked, given []string
	for _, m := range regexp.MustCompile(`word\('([a-z_.]+)'\)`).FindAllStringSubmatch(string(script), -1) {
		asked = append(asked, m[1])
	}
	for _, code := range page.Refusals { // built from a code: word('refusal.' + code)
		if strings.Contains(string(script), "'"+code+"'") {
			asked = append(asked, "refusal."+code)
		}
	}
	c, _ := story(t, "wanted").(page.Case)
	for _, m := range regexp.MustCompile(`data-word="([a-z_.]+)"`).FindAllStringSubmatch(draw(t, c), -1) {
		given = append(given, m[1])
	}
	slices.Sort(asked)
	slices.Sort(given)
	require.Equal(t, given, slices.Compact(asked))
	require.NotRegexp(t, `innerHTML|insertAdjacentHTML|document\.write|eval\(|\.style\b`, string(script))
}

func story(t *testing.T, name string) page.Model {
	t.Helper()
	for _, s := range page.Storybook("en") {
		if s.Name == name {
			return s.Model
		}
	}
	t.Fatalf("no story %q", name)
	return nil
}

// A reviewer sees every code there is in some story.
func TestStoriesCoverEveryStatusStateAndMessage(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range page.Storybook("en") {
		switch m := s.Model.(type) {
		case page.Message:
			seen[m.Code] = true
		case page.Case:
			seen[m.Status] = true
			for _, p := range m.People {
				seen[p.State], seen[p.Kind] = true, true
			}
		}
	}
	for _, code := range slices.Concat(page.Statuses, page.States, page.Kinds, page.Messages) {
		require.True(t, seen[code], code)
	}
}

type shut struct{}

var errShut = errors.New("shut")

func (shut) Write([]byte) (int, error) { return 0, errShut }

func TestDrawReportsWhoCannotListen(t *testing.T) {
	require.ErrorIs(t, pages(t).Message(shut{}, page.Message{Code: "finished"}), errShut)
}

func TestPagesServeManyAtOnce(t *testing.T) {
	p := pages(t)
	want := draw(t, story(t, "business"))
	for range 8 {
		t.Run("one of many", func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			require.NoError(t, p.Render(&out, story(t, "business")))
			require.Equal(t, want, out.String())
		})
	}
}
