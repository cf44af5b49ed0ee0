package main

import (
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
)

// part is one of a form's; a file has a name.
type part struct {
	name, file string
	content    []byte
}

// send posts a form. With a channel its last part stops half way, and then goes on a
// byte at a time for as long as somebody reads it: begun is closed at the half.
func send(t *testing.T, client *http.Client, address, token string, parts []part, begun chan<- struct{}) (int, error) {
	body, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		for i, p := range parts {
			var to io.Writer
			if p.file == "" {
				to, _ = form.CreateFormField(p.name)
			} else {
				to, _ = form.CreateFormFile(p.name, p.file)
			}
			if begun != nil && i == len(parts)-1 {
				half := len(p.content) / 2
				_, err := to.Write(p.content[:half])
				close(begun)
				for ; err == nil && half < len(p.content); half++ {
					time.Sleep(100 * time.Millisecond)
					_, err = to.Write(p.content[half : half+1])
				}
				_ = w.CloseWithError(io.ErrUnexpectedEOF)
				return
			}
			_, _ = to.Write(p.content)
		}
		_ = w.CloseWithError(form.Close())
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set(connectfi.TokenHeader, token)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// opens takes an applicant with a client of HTTP to the form of a link, and returns
// where it is sent, and its hidden fields.
func opens(t *testing.T, client *http.Client, link string) (action string, hidden []part) {
	t.Helper()
	response, err := client.PostForm(link, url.Values{})
	require.NoError(t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", page)
	for _, name := range []string{"csrf", "entity"} {
		found := regexp.MustCompile(`name="` + name + `" value="([^"]+)"`).FindSubmatch(page)
		require.NotNil(t, found, "no %s in %s", name, page)
		hidden = append(hidden, part{name: name, content: found[1]})
	}
	return response.Request.URL.String(), hidden
}

// stepForm is the form of a step of the page, for an applicant with a license.
func stepForm(hidden []part, step string, front, back []byte) []part {
	return slices.Concat(hidden, []part{{name: "step", content: []byte(step)}}, map[string][]part{
		"document": {{name: "type", content: []byte("license")}},
		"front":    {{"front", "front.png", front}},
		"back":     {{"back", "back.png", back}},
		"review":   {{name: "consent", content: []byte("yes")}},
	}[step])
}

// sendByPage opens a link as a browser without a script does, and sends a license on
// the page that it leads to. More goes along with each form.
func sendByPage(t *testing.T, link string, front, back []byte, more ...part) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar}
	action, hidden := opens(t, client, link)
	hidden = append(hidden, more...)
	for _, step := range []string{"document", "front", "back", "review"} {
		status, err := send(t, client, action, "", stepForm(hidden, step, front, back), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, step)
	}
}

// TestAnUploadThatTheGraceCuts sends images to a webhook that is a process of its
// own, one by the page and one by the API, so slowly that they are still under way
// when the grace of a SIGTERM ends. Each sender is answered with an error or cut
// off then, nothing of either is left, and the same again succeeds after the restart.
func TestAnUploadThatTheGraceCuts(t *testing.T) {
	t.Parallel() // it waits for the grace
	bin, public := t.TempDir(), freeAddress(t)
	build(t, bin, "webhook")
	vars := map[string]string{"KYC_LISTEN": public, "KYC_PUBLIC_URL": "http://" + public}
	webhook := startProcessWith(t, filepath.Join(bin, "webhook"), vars)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	front, back := specimenOf(t, "cut", "front"), specimenOf(t, "cut", "back")

	paged := individual(t, "cutpage", "step_up")
	action, form := opens(t, client, strings.Replace(linkTo(t, paged, ""), one.webhook, "http://"+public, 1))
	token := named(one.vars)["KYC_API_TOKENS"]
	step := func(name string) []part { return stepForm(form, name, front, back) }
	status, err := send(t, client, action, token, step("document"), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)

	called := individual(t, "cutapi", "step_up")
	links := license(t, api(t), "cutapi")[:1]
	d, err := api(t).GenerateDocument(t.Context(),
		connectfi.GenerateRequest{Workflow: "PERSONAL", Name: "back", Extension: "png", Type: "license"})
	require.NoError(t, err)
	links = append(links, connectfi.DocumentLink{DocumentID: d.ID, Side: "back"})
	upload := "http://" + public + "/akepa/document/upload/" + d.ID
	file := []part{{"file", "back.png", specimenOf(t, "cutapi", "back")}}

	type result struct {
		what   string
		status int
		err    error
		at     time.Time
	}
	results := make(chan result, 2)
	for what, s := range map[string]struct {
		address string
		parts   []part
	}{"page": {action, step("front")}, "API": {upload, file}} {
		begun := make(chan struct{})
		go func() {
			status, err := send(t, client, s.address, token, s.parts, begun)
			results <- result{what, status, err, time.Now()}
		}()
		<-begun
	}
	time.Sleep(500 * time.Millisecond) // both are with the webhook
	told := time.Now()
	require.NoError(t, webhook.command.Process.Signal(syscall.SIGTERM))
	for range 2 {
		r := <-results
		t.Logf("%s: status %d, error %v, after %s", r.what, r.status, r.err, r.at.Sub(told))
		require.GreaterOrEqual(t, r.at.Sub(told), httpserver.Grace-time.Second, "%s was not given the grace", r.what)
		require.LessOrEqual(t, r.at.Sub(told), httpserver.Grace+time.Second, r.what)
		if r.err == nil {
			require.GreaterOrEqual(t, r.status, 400, r.what)
		}
	}
	<-webhook.ended
	require.Contains(t, webhook.log.String(), fmt.Sprintf("that took longer than %s", httpserver.Grace))
	answered := regexp.MustCompile(`method=POST route=/(?:verify/case|akepa/document/upload)\S* status=(\d+)`)
	var statuses []string
	for _, found := range answered.FindAllStringSubmatch(webhook.log.String(), -1) {
		statuses = append(statuses, found[1])
	}
	require.Equal(t, "303", statuses[0], "the type of the document")
	// One that is cut is answered and logged if there is time for it.
	require.Subset(t, []string{"408", "503"}, statuses[1:], "each is cut")
	nothingOf(t, paged)
	require.Zero(t, ledger(t, called.Reference).Attachments)

	startProcessWith(t, filepath.Join(bin, "webhook"), vars)
	for _, name := range []string{"front", "back", "review"} {
		status, err = send(t, client, action, token, step(name), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, name)
	}
	status, err = send(t, client, upload, token, file, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	_, err = api(t).Update(t.Context(), connectfi.UpdateRequest{ApplicationID: called.ApplicationID,
		CustomerID: called.CustomerID, EntityID: called.CustomerID, Documents: links})
	require.NoError(t, err)
	for _, v := range []kyc.View{paged, called} {
		require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
		require.Equal(t, 2, ledger(t, v.Reference).Attachments, v.Reference)
	}
}

// nothingOf wants a case to have no submission, and the bucket no image of it.
func nothingOf(t *testing.T, v kyc.View) {
	t.Helper()
	v, err := one.cases.Show(t.Context(), v.Reference)
	require.NoError(t, err)
	require.Equal(t, kyc.AwaitingDocuments, v.Stage)
	require.NotContains(t, whats(v), kyc.EntryConsented)
	vars := named(one.vars)
	keyset, err := encryption.ParseKeyset(vars["KYC_KEYSET"])
	require.NoError(t, err)
	documents, err := docstore.Open(t.Context(), vars["KYC_DOCUMENTS"], keyset)
	require.NoError(t, err)
	defer func() { require.NoError(t, documents.Close()) }()
	for owner, err := range documents.Owners(t.Context()) {
		if err == nil && owner.Name == v.Reference {
			require.Zero(t, owner.Images)
		}
	}
}

func specimenOf(t *testing.T, seed, side string) []byte {
	t.Helper()
	image, err := imagecheck.Specimen(seed, side)
	require.NoError(t, err)
	return image
}
