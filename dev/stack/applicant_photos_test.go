//go:build browser

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
)

// waitsFor waits until a script says yes.
func (a applicant) waitsFor(script string) {
	a.t.Helper()
	a.does(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Poll[bool](script)(ctx, t)
		return err
	}))
}

// picks a file for a side.
func (a applicant) picks(side, path string) {
	a.t.Helper()
	a.does(chromedp.SetUploadFiles(chromedp.CSS(`input[type=file][name=`+side+`]`), []string{path}))
}

func (a applicant) file(name string, content []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	require.NoError(a.t, os.WriteFile(path, content, 0o600))
	return path
}

func specimen(t *testing.T, seed, side string) (scan, photo []byte) {
	t.Helper()
	scan, err := imagecheck.Specimen(seed, side)
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(scan))
	require.NoError(t, err)
	return scan, asPhoto(t, picture)
}

func asPhoto(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, picture, &jpeg.Options{Quality: 90}))
	return out.Bytes()
}

// grain is a photo of some megabytes.
func grain(t *testing.T, w, h int) []byte {
	t.Helper()
	picture := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for i := range picture.Y {
		picture.Y[i] = byte(100 + rand.IntN(60))
	}
	return asPhoto(t, picture)
}

// wrongSum is a png with a comment whose sum is wrong.
func wrongSum(scan []byte) []byte {
	comment := []byte("tEXtSoftware\x00x")
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(comment)-4)), comment...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(comment)^1)
	return bytes.Join([][]byte{scan[:33], chunk, scan[33:]}, nil)
}

// Whatever the browser shows, the applicant can send; whatever it is called.
func TestWhatTheBrowserShowsIsTaken(t *testing.T) {
	kept := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(root, "internal", "imagecheck", "testdata", name))
		require.NoError(t, err)
		return content
	}
	scan, photo := specimen(t, "shown", "front")
	_, back := specimen(t, "shown", "back")
	large := asPhoto(t, image.NewGray(image.Rect(0, 0, 12_000, 9000)))
	for name, sides := range map[string]map[string][]byte{
		"shownScans":  {"front.jpg": kept("progressive-restarts.jpg"), "back.jpg": back},
		"shownChroma": {"front.jpg": kept("unequal-chroma.jpg"), "back.jpg": back},
		"shownMended": {"front.png": wrongSum(scan), "back.jpg": back[:len(back)-2]},
		"shownNames":  {"front.heic": photo, "back.bin": back},
		"shownLarge":  {"front.jpg": large, "back.jpg": grain(t, 5000, 4000)},
	} {
		t.Run(name, func(t *testing.T) {
			v := individual(t, name, "step_up")
			a := visits(t, browser(t, 390, 844), v, "")
			a.chooses("license")
			for _, file := range slices.Backward(slices.Sorted(maps.Keys(sides))) { // the front comes first
				side, _, _ := strings.Cut(file, ".")
				a.picks(side, a.file(file, sides[file]))
				if name == "shownLarge" && side == "front" { // a black picture is questioned
					a.sees("This photo looks dark.")
					a.does(chromedp.Click(chromedp.CSS("button.use")))
				}
				a.goesOn()
			}
			a.agrees()
			a.sends()
			a.sees("complete")
			require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
			require.Equal(t, 2, ledger(t, v.Reference).Attachments)
		})
	}
}

// The page in an old browser: no :has() in styles, no requestSubmit in scripts.
func TestInAnOldBrowser(t *testing.T) {
	v := individual(t, "shownOld", "step_up")
	ctx := browser(t, 390, 844)
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		delete HTMLFormElement.prototype.requestSubmit;
		window.loseOne = () => {
			const send = XMLHttpRequest.prototype.send;
			XMLHttpRequest.prototype.send = function (body) { // the next one is lost
				XMLHttpRequest.prototype.send = send;
				setTimeout(() => this.onerror());
			};
		};
		addEventListener('DOMContentLoaded', () => {
			for (const sheet of document.styleSheets) {
				for (let i = sheet.cssRules.length - 1; i >= 0; i--) if (sheet.cssRules[i].cssText.includes(':has(')) sheet.deleteRule(i);
			}
		});`})
	require.NoError(t, err)
	a := visits(t, ctx, v, "")
	_, photo := specimen(t, "old", "front")
	a.chooses("passport")
	a.does(chromedp.Evaluate[chromedp.Void](`void window.loseOne()`))
	a.picks("front", a.file("front.jpg", photo))
	a.sees("The connection was lost")
	a.does(chromedp.Click(chromedp.CSS("button.retry")))
	a.goesOn()
	a.agrees()
	a.sends()
	a.sees("complete")
	require.Equal(t, 1, ledger(t, v.Reference).Attachments)
}

// A photo that was changed, or taken away, after it was chosen and before it has
// arrived is asked for again. Worker and webhook are processes of their own.
func TestAPhotoThatChangedIsAskedForAgain(t *testing.T) {
	apart(t)
	v := individual(t, "shownChanged", "step_up")
	a := visits(t, browser(t, 390, 844), v, "")
	_, front := specimen(t, "changed", "front")
	path := a.file("front.jpg", front)
	a.chooses("passport")
	for _, change := range []func() error{
		func() error { // Chromium looks at the second of the last change
			later := time.Now().Add(time.Minute)
			return errors.Join(os.WriteFile(path, append(front, 1, 2), 0o600), os.Chtimes(path, later, later))
		},
		func() error { return os.Remove(path) },
	} {
		a.offline(true)
		a.picks("front", path)
		a.sees("The connection was lost")
		require.NoError(t, change())
		a.offline(false) // it tries again by itself
		a.sees("The photo was changed or moved after you chose it.")
		a.waitsFor(`!document.querySelector("figure.preview") && !document.querySelector(".retry")`)
		path = a.file("front.jpg", front)
		a.does(chromedp.Reload()) // after two losses in a row the page sends a copy that it made
		a.on("front")
	}
	a.photographs("front", path)
	a.agrees()
	a.sends()
	a.sees("complete")
	require.Equal(t, 1, ledger(t, v.Reference).Attachments)
}

// offline takes the browser's connection away, or gives it back.
func (a applicant) offline(is bool) {
	a.t.Helper()
	a.connects(network.Conditions{Offline: is, DownloadThroughput: -1, UploadThroughput: -1})
}

// connects gives the browser such a connection, and lets its pages know.
func (a applicant) connects(by network.Conditions) {
	a.t.Helper()
	_, err := chromedp.Call(a.ctx, network.EmulateNetworkConditionsByRule,
		network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{&by}})
	require.NoError(a.t, err)
	_, err = chromedp.Call(a.ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: by.Offline,
		Latency: by.Latency, DownloadThroughput: by.DownloadThroughput, UploadThroughput: by.UploadThroughput})
	require.NoError(a.t, err)
}

// proxied is the webhook behind a proxy that answers some forms itself.
func proxied(t *testing.T, answers func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	behind, err := url.Parse(one.webhook)
	require.NoError(t, err)
	pass := httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !(r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/verify/case") && answers(w, r)) {
			pass.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestWhatAProxyAnswersItself(t *testing.T) {
	var shut atomic.Bool // the firewall, and then the captive portal
	var status atomic.Int64
	for name, test := range map[string]struct {
		answers func(w http.ResponseWriter, r *http.Request) bool
		stuck   bool
	}{
		"413": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			if r.ContentLength <= 1<<20 {
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body)
			http.Error(w, "<html><h1>413 Request Entity Too Large</h1></html>", http.StatusRequestEntityTooLarge)
			return true
		}},
		"403 and a captive portal": {stuck: true, answers: func(w http.ResponseWriter, r *http.Request) bool {
			if !shut.Load() {
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(int(status.Load()))
			_, _ = io.WriteString(w, "<html><main>Not here</main></html>")
			return true
		}},
	} {
		t.Run(name, func(t *testing.T) {
			v := individual(t, "proxied"+strconv.Itoa(len(name)), "step_up")
			a := applicant{t, browser(t, 390, 844), t.TempDir()}
			a.does(chromedp.Navigate(strings.Replace(linkTo(t, v, ""), one.webhook, proxied(t, test.answers), 1)))
			a.does(chromedp.Click(chromedp.CSS("form.start button")))
			a.chooses("passport")
			shut.Store(test.stuck)
			status.Store(http.StatusForbidden)
			a.picks("front", a.file("front.jpg", grain(t, 2000, 1500)))
			if test.stuck {
				a.sees("This could not be sent")
				status.Store(http.StatusOK)
				a.does(chromedp.Click(chromedp.CSS("button.retry")), chromedp.WaitVisible(chromedp.CSS("button.retry")))
				a.sees("This could not be sent")
				shut.Store(false)
				a.does(chromedp.Click(chromedp.CSS("button.retry")))
			}
			a.goesOn()
			a.agrees()
			a.sends()
			a.sees("complete")
			require.Equal(t, 1, ledger(t, v.Reference).Attachments)
		})
	}
}

// An applicant who leaves with a photo that has not arrived is asked first, and may stay.
func TestLeavingWithPhotosAsksFirst(t *testing.T) {
	v := individual(t, "shownLeaving", "step_up")
	a := visits(t, browser(t, 390, 844), v, "")
	_, photo := specimen(t, "leaving", "front")
	asked := make(chan page.DialogType, 10)
	require.NoError(t, chromedp.Listen(a.ctx, func(ev any) {
		if dialog, is := ev.(*page.EventJavascriptDialogOpening); is {
			asked <- dialog.Type
		}
	}))
	stays := func(kind page.DialogType) {
		t.Helper()
		require.Equal(t, kind, <-asked)
		_, err := chromedp.Call(a.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false})
		require.NoError(t, err)
		a.waitsFor(`document.querySelector("input[name=front]").files.length === 1`)
	}
	a.chooses("passport")
	a.offline(true)
	a.picks("front", a.file("front.jpg", photo))
	a.sees("The connection was lost")
	a.leaves(`document.querySelector("a[hreflang]").click()`)
	stays(page.DialogTypeConfirm)
	a.leaves(`location.reload()`)
	stays(page.DialogTypeBeforeunload)
	a.leaves(`history.back()`)
	stays(page.DialogTypeBeforeunload)
	a.offline(false)
	a.goesOn()
	a.on("review")
	a.does(chromedp.Reload()) // it has arrived: nothing is asked
	a.agrees()
	a.sends()
	a.sees("complete")
	require.Empty(t, asked)
}

// leaves does something that the page may ask about before it is done.
func (a applicant) leaves(script string) {
	a.t.Helper()
	a.does(chromedp.Evaluate[chromedp.Void](`void setTimeout(() => {` + script + `})`))
}
