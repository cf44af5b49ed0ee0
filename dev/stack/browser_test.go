//go:build browser

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
)

// pictures writes the documents' pictures again: `make pictures`.
var pictures = flag.Bool("pictures", false, "write the documents' pictures again")

// browser is a real Chromium of its own with one page open.
func browser(t *testing.T, width, height int64, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	options = append(options, more...)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses its own sandbox to root
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, height)))
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// said is everything the page says. The Temporal UI renders Markdown in frames.
const said = `[document, ...[...document.querySelectorAll("iframe")].map(f => f.contentDocument)].map(d => ` +
	`d?.body?.innerText).join("\n")`

// shows waits until the page says this, wherever.
func shows(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	timeout, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := chromedp.Run(timeout, chromedp.Poll[bool](fmt.Sprintf("(%s).includes(%q)", said, text))); err != nil {
		all, _ := chromedp.Run(ctx, chromedp.Evaluate[string](said))
		require.NoError(t, err, "the page never says %q; it says:\n%s", text, all)
	}
}

// picture is the page as it is seen. It must be one, and with -pictures it is
// the documents' from now on.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	image, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.Greater(t, len(image), 10_000, "an empty page compresses to less")
	if *pictures {
		require.NoError(t, os.WriteFile(filepath.Join(root, "docs", "pictures", name), image, 0o644))
	}
}

// A case in the Temporal UI reads like a file: where it stands, what happened,
// who must act and until when.
func TestTheTemporalUIShowsACaseAsAFile(t *testing.T) {
	v := begin(t, "onTheDesk1", customers(t, "business", "step_up", 1)[0], patient())
	ctx := browser(t, 1280, 1000)
	code, out, stderr := starter(t, "show", "onTheDesk1")
	require.Zero(t, code, stderr)
	_, page, said := strings.Cut(out, "details: ")
	require.True(t, said, out)
	page, _, _ = strings.Cut(page, "\n")
	require.True(t, strings.HasPrefix(page, one.ui.URL+"/namespaces/default/workflows/kyc-onTheDesk1/"), page)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(page)))
	for _, text := range []string{"Awaiting documents from the applicant", "Waiting for applicant",
		v.Until.UTC().Format("2006-01-02 15:04:05"),
		"ConnectFi asks for document images of " + wanting(v), "missing:"} {
		shows(t, ctx, text)
	}
	picture(t, ctx, "case-in-temporal-ui.png")
}

// Input, result and details are sealed where Temporal keeps them. The UI of
// dev opens them by the codec endpoint; without its credential nothing of a
// case can be read but its ids and its search attributes.
func TestTheTemporalUIShowsWhatIsSealedToThoseWhoMay(t *testing.T) {
	const secret = "an-address-of-yours"
	details := func(t *testing.T, s *system, reference string) context.Context {
		order := cases.StartOptions{Reference: reference, CustomerID: customers(t, "individual", "approve", 1)[0],
			WebhookURL: "https://receiver.invalid/" + secret, Policy: patient()}
		_, err := s.cases.Start(t.Context(), order)
		require.NoError(t, err)
		until(t, reference, final)
		ctx := browser(t, 1280, 1000)
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(s.ui.URL+"/namespaces/default/workflows/kyc-"+reference)))
		shows(t, ctx, "Event History")
		shows(t, ctx, "Result")
		return ctx
	}
	t.Run("with the credential", func(t *testing.T) {
		ctx := details(t, one, "opened1")
		for _, text := range []string{secret, `"stage": "approved"`} {
			shows(t, ctx, text)
		}
		picture(t, ctx, "input-and-result-in-temporal-ui.png")
	})
	t.Run("without", func(t *testing.T) {
		beside(t, options{work: t.TempDir(), withUI: true, noCodec: true})
		ctx := details(t, one, "closed1")
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](fmt.Sprintf("/[A-Za-z0-9+\\/]{200}/.test(%s)", said)))
		require.NoError(t, err, "what is stored is shown")
		all, err := chromedp.Run(ctx, chromedp.Evaluate[string](said))
		require.NoError(t, err)
		require.NotContains(t, all, secret)
		require.NotContains(t, all, `"stage"`)
		require.NoError(t, chromedp.Do(ctx, chromedp.Click(chromedp.Search(`//a[contains(., "User Metadata")]`))))
		shows(t, ctx, "Current Details")
		all, err = chromedp.Run(ctx, chromedp.Evaluate[string](said))
		require.NoError(t, err)
		require.NotContains(t, all, "Approved")
	})
}
