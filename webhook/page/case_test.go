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

// asked is a step of an individual's document of the first of these types.
func asked(name string, types ...page.Type) page.Step {
	return page.Step{Lang: "en", CSRF: "c", URL: "/verify/case/ID?step=" + name, News: "/verify/state/ID?rev=7",
		Every: 4 * time.Second, Name: name, Number: 2, Of: 4, Entity: "e1", Who: page.Person{Kind: "you"}, Alone: true,
		Types: types, Chosen: types[0].Value}
}

var (
	license  = page.Type{Value: "license", Sides: page.Sides}
	passport = page.Type{Value: "passport", Sides: page.Sides[:1]}
)

func TestStepTells(t *testing.T) {
	// One row for each promise of the model; what is not in has is in hasNot.
	for name, test := range map[string]struct {
		step   page.Step
		change func(*page.Step)
		has    []string
		hasNot []string
	}{
		"every field the server reads": {step: asked("front", license),
			has: []string{`name="csrf" value="c"`, `name="lang" value="en"`, `name="entity" value="e1"`,
				`name="step" value="front"`, `name="type" value="license"`, `type="file" name="front"`,
				`action="/verify/case/ID?step=front" enctype="multipart/form-data"`}},
		"one thing: the photo of one side": {step: asked("back", license),
			has:    []string{"<h1 tabindex=\"-1\">Driver&#39;s license: back</h1>", `type="file" name="back"`},
			hasNot: []string{`name="front"`, `name="consent"`, `<button class="choice`}},
		"a document with one side has no front": {step: asked("front", passport),
			has: []string{"Passport: photo page"}, hasNot: []string{"Passport: front"}},
		"each type is a button that sends": {step: asked("document", license, passport),
			has:    []string{`name="type" value="license"`, `name="type" value="passport"`, "front and back", "one photo"},
			hasNot: []string{`type="file"`, `type="hidden" name="type"`}},
		"where one is, and the way back": {step: asked("front", license),
			change: func(s *page.Step) { s.Back = "/verify/case/ID?step=document" },
			has:    []string{"Step 2 of 4", `class="return" href="/verify/case/ID?step=document"`}},
		"no way back from the first": {step: asked("document", license), hasNot: []string{`class="return"`}},
		"a photo that is there": {step: asked("front", license), change: func(s *page.Step) { s.Side.Kept = true },
			has: []string{"We have this photo.", "data-kept"}, hasNot: []string{`class="example"`}},
		"a doubt to overrule": {step: asked("front", license),
			change: func(s *page.Step) { s.Side = page.Side{Kept: true, Warnings: []string{"dark"}} },
			has:    []string{`name="anyway" value="yes"`, "looks dark"}, hasNot: []string{"We have this photo."}},
		"the review lists what is sent": {step: asked("review", license), change: func(s *page.Step) {
			s.Sides = []page.Kept{{Side: "front", Change: "/f"}, {Side: "back", Change: "/b"}}
		}, has: []string{"Driver&#39;s license", `href="/f"`, `href="/b"`, "I agree that my photos",
			`name="consent" id="consent" value="yes"`, "To help the government fight"}},
		"no tick is set before": {step: asked("review", license), hasNot: []string{"checked"}},
		"the consent's own text": {step: asked("review", passport),
			change: func(s *page.Step) { s.Consent.Text = "All <of> it" },
			has:    []string{"All &lt;of&gt; it"}, hasNot: []string{"I agree that my photos"}},
		"it asks for news, and never loads again by itself": {step: asked("front", passport),
			has: []string{`data-news-url="/verify/state/ID?rev=7" data-every="4"`}, hasNot: []string{"http-equiv"}},
		"whose document it is": {step: asked("front", passport), change: func(s *page.Step) {
			s.Alone, s.Who = false, page.Person{Kind: "representative", Number: 2, Of: 3}
		}, has: []string{"Representative 2 of 3"}},
		"of one person nobody has to be told apart": {step: asked("front", passport),
			hasNot: []string{`class="whose"`}},
		"a second request says so": {step: asked("document", passport), change: func(s *page.Step) { s.Again = true },
			has: []string{"More is needed."}},
		"until a day that is whole": {step: asked("document", passport), change: func(s *page.Step) {
			s.Deadline.Day = time.Date(2026, 12, 27, 0, 0, 0, 0, time.UTC)
		}, has: []string{"by the end of 27\u00a0December\u00a02026."}},
		"or the hours that are left": {step: asked("document", passport),
			change: func(s *page.Step) { s.Deadline.Left = 90 * time.Minute }, has: []string{"1 h"}},
		"a language it does not speak": {step: asked("front", passport), change: func(s *page.Step) { s.Lang = "xx" },
			has: []string{`<html lang="en">`}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.change != nil {
				test.change(&test.step)
			}
			html := draw(t, test.step)
			for _, has := range test.has {
				require.Contains(t, html, has)
			}
			for _, not := range test.hasNot {
				require.NotContains(t, html, not)
			}
		})
	}
}

func TestCaseTells(t *testing.T) {
	came := time.Date(2026, 11, 28, 14, 5, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		c      page.Case
		has    []string
		hasNot []string
	}{
		"people without names": {c: page.Case{Status: "review", People: []page.Person{{Kind: "you", State: "done"},
			{Kind: "business", State: "sending"}, {Kind: "representative", Number: 2, Of: 3, State: "review"}}},
			has: []string{">You<", ">The business<", ">Representative 2 of 3<", ">Being sent<"}},
		"one person is not listed": {c: page.Case{Status: "review", People: []page.Person{{Kind: "you"}}},
			hasNot: []string{`class="people`}},
		"every open status is live, also without a script": {c: page.Case{Status: "held", URL: "/verify/case/ID",
			News: "/verify/state/ID?rev=7", Every: 20 * time.Second},
			has: []string{`data-news-url="/verify/state/ID?rev=7" data-every="20"`,
				`<noscript><meta http-equiv="refresh" content="20"></noscript>`}},
		"what was received": {c: page.Case{Status: "review", Received: []page.Received{{Type: "license", At: came}}},
			has: []string{"What we received", "Driver&#39;s license", `<time datetime="2026-11-28T14:05:00Z">`}},
		"when it was checked": {c: page.Case{Status: "review", Checked: came, Next: came.Add(time.Hour)},
			has: []string{"Last checked:", "Next check:", `<time datetime="2026-11-28T15:05:00Z">`}},
		"what happens next": {c: page.Case{Status: "review"}, has: []string{"What happens next"}},
		"a date binds who has something to do": {c: page.Case{Status: "wanted",
			Deadline: page.Deadline{Day: came}, People: []page.Person{{Kind: "you", State: "wanted", URL: "/x"}}},
			has: []string{"by the end of 28\u00a0November\u00a02026."}},
		"and nobody else": {c: page.Case{Status: "review", Deadline: page.Deadline{Day: came}},
			has: []string{"This check ends on 28\u00a0November\u00a02026 at the latest."}, hasNot: []string{"by the end of"}},
	} {
		t.Run(name, func(t *testing.T) {
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

func TestTheMissingAgreementIsMarked(t *testing.T) {
	step := asked("review", passport)
	step.Problem = "consent_missing"
	html := draw(t, step)
	require.Equal(t, 1, strings.Count(html, `id="consent-problem"`))
	require.Contains(t, html, `aria-describedby="consent-text consent-problem" aria-invalid="true"`)
	require.Contains(t, html, "<title>Error: ")
}

// Doubts are the applicant's to judge: the page asks, and does not call it an error.
func TestADoubtIsNoError(t *testing.T) {
	step := asked("front", passport)
	step.Side = page.Side{Kept: true, Warnings: []string{"blurred"}}
	html := draw(t, step)
	require.Contains(t, html, `class="summary mild"`)
	require.NotContains(t, html, "<title>Error")
	step.Side = page.Side{Problem: "broken"}
	html = draw(t, step)
	require.Contains(t, html, `class="summary"`)
	require.Contains(t, html, "<title>Error: ")
}

func TestLandingSaysWhoAsksAndSpendsNothing(t *testing.T) {
	html := draw(t, page.Landing{Lang: "en", Action: "/verify/x"})
	for _, has := range []string{"A company you deal with asks", "Why am I asked?", "Who sees my documents?",
		"How long are they kept?", "What if I say no?", "To help the government fight",
		`<form class="start actions" method="post" action="/verify/x">`} {
		require.Contains(t, html, has)
	}
	require.NotContains(t, html, "csrf")
	for _, n := range nodes(t, html) {
		if n.Data == "a" { // which a preview would follow
			require.Contains(t, []string{"#main", "/verify/accessibility"}, attr(n, "href"))
		}
	}
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
	for group, codes := range map[string][]string{"refusal.": page.Refusals, "warning.": page.Warnings} {
		for _, code := range codes { // built from a code: word('refusal.' + code)
			if strings.Contains(string(script), "'"+code+"'") {
				asked = append(asked, group+code)
			}
		}
	}
	asked = append(asked, "again", "choose") // word(kept ? 'again' : 'choose')
	for _, m := range regexp.MustCompile(`data-word="([a-z_.]+)"`).FindAllStringSubmatch(draw(t, story(t, "front")), -1) {
		given = append(given, m[1])
	}
	slices.Sort(asked)
	slices.Sort(given)
	require.Equal(t, given, slices.Compact(asked))
	require.NotRegexp(t, `innerHTML|insertAdjacentHTML|document\.write|eval\(|\.style\b`, string(script))
}

func story(t *testing.T, name string) page.Model {
	t.Helper()
	for _, s := range pages(t).Storybook("en") {
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
	for _, s := range pages(t).Storybook("en") {
		switch m := s.Model.(type) {
		case page.Message:
			seen[m.Code] = true
		case page.Case:
			seen[m.Status] = true
			for _, p := range m.People {
				seen[p.State], seen[p.Kind] = true, true
			}
		case page.Step:
			seen[m.Name] = true
		}
	}
	for _, code := range slices.Concat(page.Statuses, page.States, page.Kinds, page.Messages, page.Steps) {
		require.True(t, seen[code], code)
	}
}

type shut struct{}

var errShut = errors.New("shut")

func (shut) Write([]byte) (int, error) { return 0, errShut }

func TestDrawReportsWhoCannotListen(t *testing.T) {
	require.ErrorIs(t, pages(t).Render(shut{}, page.Message{Code: "finished"}), errShut)
}

func TestPagesServeManyAtOnce(t *testing.T) {
	p := pages(t)
	want := draw(t, story(t, "document_business"))
	for range 8 {
		t.Run("one of many", func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			require.NoError(t, p.Render(&out, story(t, "document_business")))
			require.Equal(t, want, out.String())
		})
	}
}
