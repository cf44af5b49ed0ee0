//go:build browser

package main

import (
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/page"
)

// The screen of a phone, and how far a thumb scrolls at once.
const (
	screenWidth, screenHeight = 390, 844
	thumb                     = 400
)

// Each step of the English flow fits a phone's screen; what says more needs one
// move of a thumb at most; and what is to be done next is always in view.
func TestEachScreenFitsAPhone(t *testing.T) {
	pages, err := page.New("/verify", nil)
	require.NoError(t, err)
	stories := map[string]page.Model{}
	for _, s := range pages.Storybook("en") {
		stories[s.Name] = s.Model
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, contentType, ok := pages.Asset(path.Base(r.URL.Path)); ok {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body)
			return
		}
		if story, ok := stories[strings.TrimPrefix(r.URL.Path, "/")]; ok {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_ = pages.Render(w, story)
			return
		}
		w.WriteHeader(http.StatusNoContent) // no news
	}))
	t.Cleanup(server.Close)
	steps := map[string]bool{"landing": true, "landing_plain": true, "document": true, "document_chosen": true,
		"document_business": true, "front": true, "front_passport": true, "front_paper": true, "front_kept": true,
		"back": true, "review": true}
	a := applicant{t, browser(t, screenWidth, screenHeight), ""}
	for name := range stories {
		a.does(chromedp.Navigate(server.URL + "/" + name))
		seen, err := chromedp.Run(a.ctx, chromedp.Evaluate[struct {
			Height int
			Hidden []string
		}](`({height: document.documentElement.scrollHeight, hidden: [...document.querySelectorAll(".primary, .choice")]
			.filter(e => e.checkVisibility()).filter(e => e.getBoundingClientRect().bottom > innerHeight)
			.map(e => e.innerText)})`))
		require.NoError(t, err)
		t.Logf("%s: %d", name, seen.Height)
		if steps[name] {
			require.LessOrEqual(t, seen.Height, screenHeight, name)
			delete(steps, name)
		}
		require.LessOrEqual(t, seen.Height, screenHeight+thumb, name)
		require.Empty(t, seen.Hidden, "%s: to be scrolled to", name)
	}
	require.Empty(t, steps, "no such story")
}
