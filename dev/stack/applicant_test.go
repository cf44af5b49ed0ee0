//go:build browser

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// applicant is a person with a browser and a link.
type applicant struct {
	t   *testing.T
	ctx context.Context
	dir string
}

// visits opens the link of a case, for one entity or for all, and presses its
// button.
func visits(t *testing.T, ctx context.Context, v kyc.View, entity string) applicant {
	t.Helper()
	a := applicant{t, ctx, t.TempDir()}
	a.does(chromedp.Navigate(linkTo(t, v, entity)))
	a.does(chromedp.Click(chromedp.CSS("form.start button")))
	a.does(chromedp.WaitVisible(chromedp.CSS("main:not([data-page=landing])")))
	return a
}

func (a applicant) does(steps ...chromedp.Action[chromedp.Void]) {
	a.t.Helper()
	timeout, cancel := context.WithTimeout(a.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(timeout, steps...); err != nil {
		all, _ := chromedp.Run(a.ctx, chromedp.Evaluate[string](said))
		require.NoError(a.t, err, "the page says:\n%s", all)
	}
}

// sees waits for words on the page.
func (a applicant) sees(text string) { a.t.Helper(); shows(a.t, a.ctx, text) }

// on waits until a step is shown.
func (a applicant) on(step string) {
	a.t.Helper()
	a.does(chromedp.WaitReady(chromedp.CSS("main[data-page=step][data-stage=" + step + "]")))
}

// chooses a type of document.
func (a applicant) chooses(document string) {
	a.t.Helper()
	a.on("document")
	a.does(chromedp.Click(chromedp.CSS(`button[name=type][value=` + document + `]`)))
	a.on("front")
}

// photographs a side, looks at the photo, and goes on.
func (a applicant) photographs(side, path string) {
	a.t.Helper()
	a.on(side)
	a.picks(side, path)
	a.goesOn()
}

// goesOn presses the button that appears once a photo has arrived.
func (a applicant) goesOn() {
	a.t.Helper()
	a.waitsFor(`!!document.querySelector("figure.preview img[src]") && !document.querySelector("button.go").hidden`)
	a.does(chromedp.Click(chromedp.CSS("button.go")))
}

// prepares a license with these photos, by side, up to the last step.
func (a applicant) prepares(photos map[string]string) {
	a.t.Helper()
	a.chooses("license")
	for _, side := range []string{"front", "back"} {
		a.photographs(side, photos[side])
	}
	a.on("review")
}

func (a applicant) agrees() {
	a.t.Helper()
	a.on("review")
	a.does(chromedp.Click(chromedp.CSS("input[name=consent]")))
}
func (a applicant) sends() { a.t.Helper(); a.does(chromedp.Click(chromedp.CSS("button.send"))) }

// license writes photos of another license for every seed.
func (a applicant) license(seed string) map[string]string {
	front, back := writeLicense(a.t, a.dir, seed)
	return map[string]string{"front": front, "back": back}
}

// focused describes what has the focus.
func (a applicant) focused() string {
	what, err := chromedp.Run(a.ctx,
		chromedp.Evaluate[string](`(document.activeElement.getAttribute("role") || document.activeElement.localName) + " " `+
			`+ document.activeElement.innerText`))
	require.NoError(a.t, err)
	return what
}

// accessible checks the page as assistive technology sees it: every control
// has a name, and no picture is without one.
func (a applicant) accessible() {
	a.t.Helper()
	unnamed, err := chromedp.Run(a.ctx,
		chromedp.Evaluate[[]string](`[...document.querySelectorAll("input:not([type=hidden]), button, select, textarea, a[href]")]
		.filter(e => e.checkVisibility())
		.filter(e => !((e.labels && [...e.labels].some(l => l.innerText.trim())) || e.innerText.trim() || e.getAttribute("aria-label")))
		.map(e => e.outerHTML)`))
	require.NoError(a.t, err)
	require.Empty(a.t, unnamed, "controls without a name")
	wide, err := chromedp.Run(a.ctx,
		chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`))
	require.NoError(a.t, err)
	require.False(a.t, wide, "it must be scrolled sideways")
	small, err := chromedp.Run(a.ctx,
		chromedp.Evaluate[[]string](`[...document.querySelectorAll("button, a.primary, a.second, summary, .agree label")]
		.filter(e => e.checkVisibility()).filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML)`))
	require.NoError(a.t, err)
	require.Empty(a.t, small, "too small for a thumb")
}

func TestShowsAnApplicantTheWayToTheEnd(t *testing.T) {
	for _, screen := range []struct {
		name          string
		width, height int64
	}{{"desktop", 1280, 900}, {"phone", 390, 844}} {
		t.Run(screen.name, func(t *testing.T) {
			v := individual(t, "browser"+screen.name, "step_up_review")
			ctx := browser(t, screen.width, screen.height)
			a := applicant{t, ctx, t.TempDir()}
			a.does(chromedp.Navigate(linkTo(t, v, "")))
			a.accessible()
			picture(t, ctx, "applicant-link-"+screen.name+".png")
			a.does(chromedp.Click(chromedp.CSS("form.start button")))
			a.on("document")
			address, err := chromedp.Run(ctx, chromedp.Location())
			require.NoError(t, err)
			require.Regexp(t, "^"+one.webhook+`/verify/case/\w+\?step=document$`, address, "no secret stays in the address")
			a.accessible()
			picture(t, ctx, "applicant-document-"+screen.name+".png")
			a.chooses("license")
			photos := a.license(screen.name)
			for _, side := range []string{"front", "back"} {
				a.accessible()
				picture(t, ctx, "applicant-"+side+"-"+screen.name+".png")
				a.picks(side, photos[side])
				a.waitsFor(`!!document.querySelector("button.go:not([hidden])")`)
				a.accessible()
				picture(t, ctx, "applicant-"+side+"-chosen-"+screen.name+".png")
				a.goesOn()
			}
			a.agrees()
			a.accessible()
			picture(t, ctx, "applicant-review-"+screen.name+".png")
			a.sends()
			a.sees("Your documents are being reviewed") // live, without another press
			a.accessible()
			picture(t, ctx, "applicant-status-"+screen.name+".png")
			v = until(t, v.Reference, inStage(kyc.InReview))
			require.Contains(t, whats(v), kyc.EntryConsented)
			decide(t, v, "denied")
			require.Equal(t, kyc.Denied, until(t, v.Reference, final).Stage)
			a.sees("The check is complete") // it was left open
			picture(t, ctx, "applicant-complete-"+screen.name+".png")
			all, err := chromedp.Run(ctx, chromedp.Evaluate[string](said))
			require.NoError(t, err)
			require.NotContains(t, strings.ToLower(all), "denied")
			e := ledger(t, v.Reference)
			require.Equal(t, []int{1, 2, 2}, []int{e.Applications, e.Documents, e.Attachments})
		})
	}
}

// A business ends only when both representatives have sent, each on a link and
// a phone of their own.
func TestTwoRepresentatives(t *testing.T) {
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	sandbox(t, http.MethodPost, "/sandbox/customers", map[string]any{"type": "business", "scenario": "step_up",
		"representatives": 2}, &made)
	v := begin(t, "browserbusiness", made.CustomerIDs[0], patient())
	var people []string
	for _, e := range v.Entities {
		if e.Status.WantsDocuments() {
			people = append(people, e.ID)
		}
	}
	require.Len(t, people, 2)
	for i, id := range people {
		a := visits(t, browser(t, 390, 844), v, id)
		a.prepares(a.license(id))
		a.agrees()
		a.sends()
		if i == 0 {
			a.sees("Your part is complete")
			v = until(t, v.Reference, func(v kyc.View) bool { return len(wantingAll(v)) == 1 })
			require.Equal(t, kyc.AwaitingDocuments, v.Stage)
			continue
		}
		a.sees("complete")
	}
	require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
	require.Equal(t, 4, ledger(t, v.Reference).Attachments)
}

func wantingAll(v kyc.View) (all []string) {
	for _, e := range v.Entities {
		if e.Status.WantsDocuments() && !e.Sending {
			all = append(all, e.ID)
		}
	}
	return all
}

// What is refused is said where it is, with the next step; what was good need
// not be taken again.
func TestRefusalAndRetry(t *testing.T) {
	v := individual(t, "browserrefusal", "step_up")
	a := visits(t, browser(t, 390, 844), v, "")
	photos := a.license("refusal")
	// Whole by its looks, broken inside: only the server can tell.
	damaged := filepath.Join(a.dir, "damaged.png")
	whole, err := os.ReadFile(photos["back"])
	require.NoError(t, err)
	middle := len(whole) / 2
	copy(whole[middle:], make([]byte, 200))
	require.NoError(t, os.WriteFile(damaged, whole, 0o600))
	a.chooses("license")
	a.photographs("front", photos["front"])
	a.picks("back", damaged)
	a.sees("may be damaged")
	require.Contains(t, a.focused(), "alert", "the error is announced")
	a.accessible()
	picture(t, a.ctx, "applicant-refused-phone.png")
	a.photographs("back", photos["back"])
	a.agrees() // the front is there already
	a.sends()
	a.sees("complete")
	require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
	require.Equal(t, 2, ledger(t, v.Reference).Attachments)
}

// A case that goes back from review to documents opens the same page again.
func TestBackFromReviewTheSamePageAsksAgain(t *testing.T) {
	v := individual(t, "browserback", "back_and_forth")
	a := visits(t, browser(t, 390, 844), v, "")
	for round := range 2 {
		if round == 1 {
			a.sees("More is needed.") // live, and without the photos of the first request
		}
		a.prepares(a.license(strconv.Itoa(round)))
		a.agrees()
		a.sends()
	}
	a.sees("complete")
	require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
	require.Equal(t, 4, ledger(t, v.Reference).Attachments)
}

// The whole way without a script, in Spanish.
func TestWithoutAScriptInSpanish(t *testing.T) {
	v := individual(t, "browserplain", "step_up")
	ctx := browser(t, 390, 844)
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	a := applicant{t, ctx, t.TempDir()}
	a.does(chromedp.Navigate(linkTo(t, v, "") + "?lang=es"))
	a.does(chromedp.Click(chromedp.CSS("form.start button")))
	a.says("Licencia")
	a.chooses("license")
	for _, side := range []string{"front", "back"} {
		a.on(side)
		a.does(chromedp.SetUploadFiles(chromedp.CSS(`input[type=file][name=`+side+`]`), []string{a.license("plain")[side]}),
			chromedp.Click(chromedp.CSS("button.go")))
	}
	a.agrees()
	a.sends()
	require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
	a.does(chromedp.Navigate(one.webhook + "/verify/case"))
	a.says("completa")

	pages, err := page.New("/verify", nil)
	require.NoError(t, err)
	spanish := sha256.Sum256([]byte(pages.ConsentText("es")))
	v, err = one.cases.Show(t.Context(), v.Reference)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(v.Timeline, func(e kyc.Entry) bool {
		return e.What == kyc.EntryConsented && e.Consent.Text == hex.EncodeToString(spanish[:]) &&
			e.Consent.Version == pages.ConsentVersion("es") && e.Consent.Language == "es"
	}), "agreed to the text that was shown: %v", v.Timeline)
}

// says is sees for a page that runs no script, not even a test's.
func (a applicant) says(text string) {
	a.t.Helper()
	a.does(chromedp.WaitReady(chromedp.Search(`//main[contains(., "` + text + `")]`)))
}

// Nobody needs a mouse: the whole form by the keyboard, and the focus is seen.
func TestKeyboardOnly(t *testing.T) {
	v := individual(t, "browserkeys", "step_up")
	ctx := browser(t, 1280, 900)
	a := applicant{t, ctx, t.TempDir()}
	a.does(chromedp.Navigate(linkTo(t, v, "")))
	a.tabs("button")
	a.does(chromedp.KeyEvent(kb.Enter))
	a.on("document")
	a.tabs("button[value=license]")
	a.does(chromedp.KeyEvent(kb.Enter))
	for _, side := range []string{"front", "back"} {
		a.on(side)
		a.tabs("input.file")
		a.picks(side, a.license("keys")[side]) // what the dialog of the system would do
		a.waitsFor(`!!document.querySelector("button.go:not([hidden])")`)
		a.tabs("button.go")
		a.does(chromedp.KeyEvent(kb.Enter))
	}
	a.on("review")
	a.tabs("input[name=consent]")
	a.does(chromedp.KeyEvent(" "))
	a.tabs("button.send")
	outline, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.activeElement).outlineStyle`))
	require.NoError(t, err)
	require.NotEqual(t, "none", outline, "the focus is not seen")
	a.does(chromedp.KeyEvent(kb.Enter))
	a.sees("complete")
	require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
}

// tabs goes on until something has the focus.
func (a applicant) tabs(selector string) {
	a.t.Helper()
	for range 40 {
		a.does(chromedp.KeyEvent(kb.Tab))
		there, err := chromedp.Run(a.ctx, chromedp.Evaluate[bool](`document.activeElement.matches("`+selector+`")`))
		require.NoError(a.t, err)
		if there {
			return
		}
	}
	require.FailNow(a.t, "the keyboard does not reach "+selector)
}
