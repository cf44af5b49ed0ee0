//go:build browser

package main

import (
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// slow3G is what Chromium's tools call it: 400 kbit/s and long ways.
var slow3G = network.Conditions{Latency: 400, DownloadThroughput: 50_000, UploadThroughput: 50_000}

// A license from a phone on a slow line that breaks in the middle, in each
// language. A reload, the back button and a second tab lose nothing and double nothing.
func TestALicenseOverASlowLine(t *testing.T) {
	pages, err := page.New("/verify", nil)
	require.NoError(t, err)
	for _, lang := range pages.Languages() {
		t.Run(lang, func(t *testing.T) {
			v := individual(t, "slow"+lang, "step_up")
			a := applicant{t, browser(t, 390, 844), t.TempDir()}
			a.connects(slow3G)
			a.does(chromedp.Navigate(linkTo(t, v, "") + "?lang=" + lang))
			a.does(chromedp.Click(chromedp.CSS("form.start button")))
			a.on("document")
			a.does(chromedp.Reload())
			a.chooses("license")
			a.does(chromedp.Reload())
			a.on("front")
			a.picks("front", a.file("front.jpg", grain(t, 900, 600)))
			a.does(chromedp.WaitReady(chromedp.CSS("progress")))
			a.offline(true)
			a.does(chromedp.WaitVisible(chromedp.CSS("button.retry")))
			a.connects(slow3G) // it tries again by itself
			a.goesOn()
			a.on("back")
			a.does(chromedp.NavigateBack())
			a.on("front")
			a.does(chromedp.WaitReady(chromedp.CSS(".js [data-kept]")), chromedp.NavigateForward())
			a.photographs("back", a.license(lang)["back"])
			a.agrees()
			a.does(chromedp.Reload())
			a.on("review")
			a.waitsFor(`document.querySelector("[name=consent]").checked`)
			second := applicant{t, tab(t, a.ctx), a.dir}
			second.does(chromedp.Navigate(one.webhook + "/verify/case"))
			second.on("review")
			second.waitsFor(`!document.querySelector("[name=consent]").checked`) // it is agreed to where it is sent
			a.looks()
			a.sends()
			a.does(chromedp.WaitReady(chromedp.CSS("main[data-stage=finished]")))
			second.looks()
			second.does(chromedp.WaitReady(chromedp.CSS("main[data-stage=finished]")))
			require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
			e := ledger(t, v.Reference)
			require.Equal(t, []int{1, 2, 2}, []int{e.Applications, e.Documents, e.Attachments})
		})
	}
}

// What the phone does, the desktop shows within 5 s, without a press.
func TestTheDesktopFollowsThePhone(t *testing.T) {
	v := individual(t, "followed", "step_up_review")
	desktop := visits(t, browser(t, 1280, 900), v, "")
	desktop.on("document")
	phone := visits(t, browser(t, 390, 844), v, "")
	phone.chooses("license")
	desktop.on("front")
	photos := phone.license("followed")
	phone.photographs("front", photos["front"])
	desktop.on("back")
	phone.photographs("back", photos["back"])
	desktop.agrees()
	phone.agrees()
	phone.sends()
	desktop.sees("Your documents are being reviewed")
	require.Equal(t, 2, ledger(t, v.Reference).Attachments)
}
