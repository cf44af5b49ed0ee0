//go:build browser && node

// Package pages looks at every page of the applicant portal in a browser.
package pages

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/webhook/page"
)

// checks is what runs in each page.
//
//go:embed testdata/checks.js
var checks string

// only is part of the name of the stories to look at, such as de/front.
var only = flag.String("story", "", "part of the name of the stories to look at, such as de/front")

// root is the path that the pages are served under.
const root = "/verify"

// serve shows every story as root/story/LANGUAGE/NAME, and answers that nothing is new.
func serve(t *testing.T, p *page.Pages) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for _, lang := range p.Languages() {
		for _, story := range p.Storybook(lang) {
			mux.HandleFunc("GET "+root+"/story/"+lang+"/"+story.Name, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_ = p.Render(w, story.Model)
			})
		}
	}
	mux.HandleFunc("GET "+root+"/assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, contentType, _ := p.Asset(r.PathValue("name"))
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// start starts Chromium, which runs axe's rules and our checks in every page.
func start(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.Flag("disable-component-update", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses its own sandbox to root
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	return ctx
}

// tab opens a page of its own in the browser.
func tab(ctx context.Context) (context.Context, context.CancelFunc, error) {
	axe, err := os.ReadFile(filepath.Join("..", "..", "..", ".dev", "npm", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return nil, nil, fmt.Errorf("make tools installs axe: %w", err)
	}
	ctx, cancel := chromedp.NewContext(ctx)
	_, err = chromedp.Call(ctx, cdppage.AddScriptToEvaluateOnNewDocument,
		cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: string(axe) + ";\n" + checks})
	return ctx, cancel, err
}

// screen sets the size of the page and what the applicant's system asks for,
// such as a dark scheme.
func screen(ctx context.Context, width, height int64, wishes ...string) error {
	features := []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}
	for _, wish := range wishes {
		name, value, _ := strings.Cut(wish, "=")
		features = append(features, &emulation.MediaFeature{Name: name, Value: value})
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		return err
	}
	return chromedp.Do(ctx, chromedp.EmulateViewport(width, height))
}

// ask runs one of the checks, and reports what it finds.
func ask(ctx context.Context, check string) ([]string, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[[]string]("check."+check, chromedp.EvalAwaitPromise))
}

// look is one way to look at a page.
type look struct {
	width, height int64
	wish          string
	checks        []string
}

// looks are a phone, a desktop, 1280 x 1024 enlarged to 400 %, and a system that
// sets all colours. Between the schemes and sizes only colours and places differ.
var looks = []look{
	{390, 844, "prefers-color-scheme=light", []string{"axe()", "targets()", "focus()", "still()", "alerts()"}},
	{390, 844, "prefers-color-scheme=dark", []string{"colours()"}},
	{1280, 900, "prefers-color-scheme=dark", []string{"colours()"}},
	{1280, 900, "prefers-color-scheme=light", []string{"colours()", "targets()"}},
	{320, 256, "prefers-color-scheme=light", []string{"reflow()", "focus()"}},
	{390, 844, "forced-colors=active", []string{"edges()"}},
}

// Every state, in every language, on a phone and a desktop, light and dark.
func TestEveryPageIsAccessible(t *testing.T) {
	p, err := page.New(root, nil)
	require.NoError(t, err)
	server := serve(t, p)
	ctx, cancel := context.WithTimeout(start(t), 15*time.Minute)
	defer cancel()
	stories := make(chan string)
	found := make(chan string, 10_000)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(stories)
		inspected := 0
		for _, lang := range p.Languages() {
			for _, story := range p.Storybook(lang) {
				name := lang + "/" + story.Name
				if !strings.Contains(name, *only) {
					continue
				}
				inspected++
				select {
				case stories <- name:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		if inspected == 0 {
			return fmt.Errorf("no story has %q in its name", *only)
		}
		return nil
	})
	for range max(2, runtime.NumCPU()) {
		group.Go(func() error {
			ctx, cancel, err := tab(ctx)
			if err != nil {
				return err
			}
			defer cancel()
			for story := range stories {
				if err := inspect(ctx, server.URL, story, found); err != nil {
					return fmt.Errorf("%s: %w", story, err)
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	close(found)
	for finding := range found {
		t.Error(finding)
	}
}

// inspect looks at one page in every way.
func inspect(ctx context.Context, server, story string, found chan<- string) error {
	if err := chromedp.Do(ctx, chromedp.Navigate(server+root+"/story/"+story)); err != nil {
		return err
	}
	for _, l := range looks {
		if err := screen(ctx, l.width, l.height, l.wish); err != nil {
			return err
		}
		for _, check := range l.checks {
			all, err := ask(ctx, check)
			if err != nil {
				return fmt.Errorf("%s: %w", check, err)
			}
			for _, finding := range all {
				found <- fmt.Sprintf("%s at %d x %d, %s, %s: %s", story, l.width, l.height, l.wish, check, finding)
			}
		}
	}
	return nil
}
