//go:build browser

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// framing serves the example page that shows the portal in a frame. The host is
// another site than the portal's, so that cookies are a third party's there.
func framing(t *testing.T) (port int) {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(root, "examples", "frame"))))
	t.Cleanup(server.Close)
	return portOf(t, server.URL)
}

// The example page shows the portal in a frame of another site: the session is
// kept there, each step tells its stage to the page, and nothing else.
func TestThePortalInAFrameOfAnotherSite(t *testing.T) {
	port := framing(t)
	origin := fmt.Sprintf("http://localhost:%d", port)
	s := beside(t, options{work: t.TempDir(), frames: []string{origin}})
	c, err := s.cases.Start(t.Context(), cases.StartOptions{Reference: "framed1",
		CustomerID: customers(t, "individual", "step_up", 1)[0], Policy: patient()})
	require.NoError(t, err)
	link := linkTo(t, c, "")
	ctx := browser(t, 390, 844)
	a := applicant{t, ctx, t.TempDir()}
	a.does(chromedp.Navigate(origin + "/#" + link))
	a.sees("Stage: landing")
	in := a.inFrame()
	in.does(chromedp.Click(chromedp.CSS("form.start button")))
	a.sees("Stage: document")
	in.does(chromedp.Click(chromedp.CSS("button[value=license]")))
	a.sees("Stage: front")

	cookies, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{link}})
	require.NoError(t, err)
	require.NotEmpty(t, cookies.Cookies)
	for _, cookie := range cookies.Cookies {
		require.True(t, cookie.HTTPOnly && cookie.Secure, cookie.Name)
		if cookie.Name != "kyc_opened" {
			require.NotNil(t, cookie.PartitionKey, "%s is no other site's", cookie.Name)
		}
	}

	// A photo is taken and sent in the frame as it is on a page of its own.
	photos := a.license("framed")
	for _, step := range [][2]string{{"front", "back"}, {"back", "review"}} {
		in.photographs(step[0], photos[step[0]])
		a.sees("Stage: " + step[1])
	}
	in.agrees()
	in.sends()
	require.Equal(t, kyc.Approved, until(t, c.Reference, final).Stage)

	t.Run("an origin that is not listed", func(t *testing.T) {
		ctx := browser(t, 390, 844)
		a := applicant{t, ctx, t.TempDir()}
		a.does(chromedp.Navigate(fmt.Sprintf("http://127.0.0.1:%d/#%s", port, link)))
		a.sees("Loading…")
		loaded := `performance.getEntriesByType("resource").some(e => e.initiatorType === "iframe")`
		timeout, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		_, err := chromedp.Run(timeout, chromedp.Poll[bool](loaded))
		require.NoError(t, err, "the frame is refused, which is a way to have loaded")
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById("stage").textContent`))
		require.NoError(t, err)
		require.Equal(t, "Loading…", text)
	})
}

// inFrame is the applicant in the frame of the example page, which a browser
// keeps apart from the page around it.
func (a applicant) inFrame() applicant {
	a.t.Helper()
	targets, err := chromedp.Targets(a.ctx)
	require.NoError(a.t, err)
	for _, target := range targets {
		if target.Type == "iframe" && strings.HasPrefix(target.URL, one.webhook) {
			ctx, cancel := chromedp.NewContext(a.ctx, chromedp.WithTargetID(target.TargetID))
			a.t.Cleanup(cancel)
			// What comes first holds the connection for as long as its own context lasts.
			_, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href"))
			require.NoError(a.t, err)
			return applicant{a.t, ctx, a.dir}
		}
	}
	require.Fail(a.t, "no frame", "%v", targets)
	return a
}
