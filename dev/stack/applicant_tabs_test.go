//go:build browser

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// tab is another one of the same browser, in front of the others.
func tab(t *testing.T, ctx context.Context) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	applicant{t, ctx, ""}.looks()
	return ctx
}

// looks brings a tab to the front, as whoever uses it does: the others sleep.
func (a applicant) looks() {
	a.t.Helper()
	_, err := chromedp.Call(a.ctx, page.BringToFront, cdp.Empty{})
	require.NoError(a.t, err)
}

// twoWanted is a business whose two representatives are asked for documents.
func twoWanted(t *testing.T, reference string) (v kyc.View, people []string) {
	t.Helper()
	var made struct {
		CustomerIDs []string `json:"customerIds"`
	}
	sandbox(t, http.MethodPost, "/sandbox/customers", map[string]any{"type": "business", "scenario": "step_up",
		"representatives": 2}, &made)
	v = begin(t, reference, made.CustomerIDs[0], patient())
	people = wantingAll(v)
	require.Len(t, people, 2)
	return v, people
}

// Two persons' links, one browser: what is sent from A's page is A's, and each
// page says for whom it is.
func TestTwoPersonsInTwoTabs(t *testing.T) {
	v, people := twoWanted(t, "tabsOfTwo")
	ctx := browser(t, 390, 844)
	a := visits(t, ctx, v, people[0])
	a.prepares(a.license("A"))
	a.agrees()
	b := visits(t, tab(t, ctx), v, people[1])
	b.sees("Reference: " + v.Reference + " · Representative 2 of 2")
	a.looks()
	a.sees("Reference: " + v.Reference + " · Representative 1 of 2")
	a.sends()
	a.sees("Your part is complete")
	v = until(t, v.Reference, func(v kyc.View) bool { return len(wantingAll(v)) == 1 })
	require.Equal(t, people[1:], wantingAll(v), "A's photos are A's")
	a.does(chromedp.Reload())
	a.sees("Your part is complete") // and A's page stays A's
	b.looks()
	b.prepares(b.license("B"))
	b.agrees()
	b.sends()
	b.sees("complete")
	require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
	require.Equal(t, 4, ledger(t, v.Reference).Attachments)
}

// Each tap in a mail opens a new tab: what one has is in the other, and either of
// them can send, once. Worker and webhook are processes of their own.
func TestTheSameLinkInTwoTabs(t *testing.T) {
	apart(t)
	for sender, name := range []string{"tabsFirst", "tabsSecond"} {
		v := individual(t, name, "step_up_review")
		ctx := browser(t, 390, 844)
		tabs := []applicant{visits(t, ctx, v, "")}
		tabs[0].prepares(tabs[0].license(name))
		tabs[0].agrees()
		tabs = append(tabs, visits(t, tab(t, ctx), v, ""))
		tabs[1].agrees()
		tabs[sender].looks()
		tabs[sender].sends()
		tabs[sender].sees("Your documents are being reviewed")
		tabs[1-sender].looks() // and has nothing to send any more
		tabs[1-sender].sees("Your documents are being reviewed")
		until(t, v.Reference, inStage(kyc.InReview))
		require.Equal(t, 2, ledger(t, v.Reference).Attachments)
	}
}

// Blocked cookies are named, and are no session that is over.
func TestBlockedCookies(t *testing.T) {
	v := individual(t, "tabsNoCookies", "step_up")
	profile := t.TempDir()
	settings, err := json.Marshal(
		map[string]any{"profile": map[string]any{"default_content_setting_values": map[string]int{"cookies": 2}}})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(profile, "Default"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(profile, "Default", "Preferences"), settings, 0o600))
	a := applicant{t, browser(t, 390, 844, chromedp.UserDataDir(profile)), t.TempDir()}
	for range 2 {
		a.does(chromedp.Navigate(linkTo(t, v, "")))
		a.does(chromedp.Click(chromedp.CSS("form.start button")),
			chromedp.WaitVisible(chromedp.CSS("main[data-page=message]")))
		a.sees("Your browser blocks cookies")
	}
}

// A link as a mail program leaves it, and an address as a person retypes it.
func TestMangledAddresses(t *testing.T) {
	v := individual(t, "tabsMangled", "step_up")
	link := linkTo(t, v, "")
	a := applicant{t, browser(t, 390, 844), t.TempDir()}
	for _, address := range []string{link + ".", link + ")/", link + "%E2%80%8B", link[:len(link)-20] + "=\r\n" +
		link[len(link)-20:], link + "=3D"} {
		a.does(chromedp.Navigate(address))
		a.sees("Confirm your identity")
		a.does(chromedp.Click(chromedp.CSS("form.start button")), chromedp.WaitVisible(chromedp.CSS("form.upload")))
	}
	for address, says := range map[string]string{"/verify": "This page does not exist",
		"/verify/link/":  "This link does not work",
		"/VERIFY/link/x": "This page does not exist", "//verify/x": "This page does not exist"} {
		a.does(chromedp.Navigate(one.webhook + address))
		a.sees(says)
	}
}
