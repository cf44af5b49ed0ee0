package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
)

// Withdrawal ends a case at once, also while its upload is being retried.
func TestWithdrawalWhileAnUploadIsRetried(t *testing.T) {
	v := begin(t, "withdrawnupload", customers(t, "individual", "step_up", 1)[0], patient())
	faults(t, map[string]any{"error_before": 1})
	dir := t.TempDir()
	front, back := writeLicense(t, dir, "withdrawn")
	var under sync.WaitGroup
	under.Go(func() { starter(t, "upload", v.Reference, "--front", front, "--back", back) })
	retried := func(v kyc.View) bool {
		d, err := one.client.DescribeWorkflowExecution(t.Context(), "kyc-"+v.Reference, "")
		return err == nil && len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetAttempt() > 2
	}
	until(t, v.Reference, retried)
	begun := time.Now()
	ended, err := one.cases.Withdraw(t.Context(), v.Reference, kyc.ActorSystem)
	require.NoError(t, err)
	require.Equal(t, kyc.Withdrawn, ended.Stage)
	require.Less(t, time.Since(begun), 5*time.Second)
	under.Wait() // whoever uploaded is answered, too
	ended, err = one.cases.Show(t.Context(), v.Reference)
	require.NoError(t, err)
	require.Equal(t, kyc.Withdrawn, ended.Stage)
	require.Zero(t, ledger(t, v.Reference).Attachments)
}

// Whatever a person or a caller puts in, and whatever ConnectFi says about one,
// is in no database of Temporal's, no log, no metric, and not in the bucket as
// it is: through every scenario, with faults. What Temporal would store in
// clear is found where sealing is switched off, so the search can fail.
func TestNothingOfAPersonLeavesATrace(t *testing.T) {
	t.Run("sealed", func(t *testing.T) { require.Empty(t, planted(t, false)) })
	t.Run("in clear", func(t *testing.T) {
		found := planted(t, true)
		for _, marker := range []string{"the caller's address", "a status of ConnectFi's", "the id of a callback"} {
			require.Contains(t, found, marker)
		}
		for marker, places := range found {
			for _, place := range places {
				require.Contains(t, filepath.Base(place), "temporal.db", "%s: only Temporal's own files depend on sealing", marker)
			}
		}
	})
}

// planted runs a system into which a marker was put wherever something comes
// in, and says which of them it left where.
func planted(t *testing.T, decrypted bool) (found map[string][]string) {
	data, photos := t.TempDir(), t.TempDir()
	var log journal
	database := placed(t)
	own := beside(t, options{data: data, postgres: database, clear: decrypted,
		log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	markers := map[string][]byte{}
	mark := func(what, word string) string {
		markers[what] = []byte(word)
		return word
	}

	// An applicant's images: by the page and by the starter.
	name, remark := mark("a file's name", "MarkerOfAFile"), mark("a camera's remark", "MarkerOfACamera")
	sides, paths := map[string][]byte{}, map[string]string{}
	for _, side := range []string{"front", "back"} {
		drawn, err := imagecheck.Specimen("trace", side)
		require.NoError(t, err)
		// A remark between the header and the pixels, as cameras write it.
		marked := append(bytes.Clone(drawn[:33]), textChunk("Comment", remark)...)
		marked = append(marked, drawn[33:]...)
		sides[side], paths[side] = marked, filepath.Join(photos, name+side+".png")
		require.NoError(t, os.WriteFile(paths[side], marked, 0o600))
		judged, err := imagecheck.Check(bytes.NewReader(marked), imagecheck.DefaultLimits())
		require.NoError(t, err)
		markers["bytes of the "+side+" as it came"] = drawn[len(drawn)/2:][:48]
		markers["bytes of the "+side+" as it goes on"] = judged.Bytes[len(judged.Bytes)/2:][:48]
	}
	if !decrypted { // the starter, which makes the link, reads no clear case
		paged := begin(t, "trace1", customers(t, "individual", "step_up", 1)[0], patient())
		field := mark("a field of the form", "MarkerOfAField")
		sendByPage(t, linkTo(t, paged, ""), sides["front"], sides["back"], part{name: field, content: []byte(field)})
		require.Equal(t, kyc.Approved, until(t, paged.Reference, final).Stage)
	}

	// A backend's requests, good and bad.
	address := "https://receiver.invalid/" + mark("the caller's address", "MarkerOfAnAddress") + "?key=" +
		mark("its query", "MarkerOfAQuery")
	asked, err := api(t).Identify(t.Context(), connectfi.IdentificationRequest{Reference: "trace2",
		CustomerID: customers(t, "individual", "review", 1)[0], WebhookURL: address})
	require.NoError(t, err)
	_, err = api(t).GenerateDocument(t.Context(), connectfi.GenerateRequest{Workflow: "PERSONAL",
		Name: mark("a document's name", "MarkerOfADocument"), Extension: "png", Type: "license"})
	require.NoError(t, err)
	for path, body := range map[string]string{
		"/akepa/identification": `{"reference":"trace9","customerId":"` + mark("a customer nobody knows",
			"MarkerOfACustomer-") + `","firstName":"` + mark("a person's name", "MarkerOfAPerson") + `"}`,
		"/auth/get-token": `{"user":{"login":"` + mark("a login", "MarkerOfALogin") + `","password":"` +
			mark("a password", "MarkerOfAPassword") + `"}}`,
		"/verify/link/" + mark("a link", "MarkerOfALink") + "?q=" + mark("a page's query", "MarkerOfAPageQuery"): "",
		"/" + mark("a path", "MarkerOfAPath"): "",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, own.webhook+path, strings.NewReader(body))
		require.NoError(t, err)
		for header, word := range map[string]string{"User-Agent": "MarkerOfAnAgent", "X-Forwarded-For": "MarkerOfAProxy",
			"X-Connectfi-Token": "MarkerOfAToken",
			"Cookie":            "kyc_session=MarkerOfACookie", "Referer": "https://example.com/MarkerOfAReferer"} {
			request.Header.Set(header, mark("the header "+header, word))
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.GreaterOrEqual(t, response.StatusCode, 400, path)
	}

	// ConnectFi's words: a callback's, and a status that no page lists.
	v := until(t, asked.Reference, inStage(kyc.InReview))
	response, err := http.Post(callbackURL(t, v.Reference), "application/json",
		strings.NewReader(`{"code":"0","requestId":"`+mark("the id of a callback", "MarkerOfACallback")+
			`","data":{"reference":"trace2","applicationId":"`+v.ApplicationID+`","status":"`+mark("a callback's status",
			"MarkerOfAHint")+`","name":"`+mark("a callback's person", "MarkerOfAnApplicant")+`"}}`))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	move(t, v, mark("a status of ConnectFi's", "marker_of_a_status"), "")
	until(t, v.Reference, inStage(kyc.Held))
	_, err = own.cases.Withdraw(t.Context(), v.Reference, kyc.ActorSystem)
	require.NoError(t, err)

	// Every scenario, while a fifth of all answers is an error.
	faults(t, map[string]any{"error_before": 0.2, "error_after": 0.2})
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range scenarios {
			if decrypted {
				break
			}
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.drive(t, letters("trace"+s.name), customers(t, "individual", s.name, 1)[0])
			})
		}
	})

	metrics := fetch(t, own.admin+"/metrics")
	require.NoError(t, own.stop())
	places := map[string][]byte{"log": []byte(log.String()), "metrics": metrics}
	require.NoError(t, filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			places[path], err = os.ReadFile(path)
		}
		return err
	}))
	if database != "" {
		rows(t, database, places)
	}
	searched, found := false, map[string][]string{}
	for place, content := range places {
		searched = searched || bytes.Contains(content, []byte("kyc-trace2"))
		for what, marker := range markers {
			if bytes.Contains(content, marker) {
				found[what] = append(found[what], place)
			}
		}
	}
	require.True(t, searched, "the database was not searched: it must name the case")
	require.Contains(t, log.String(), "/verify", "the log was not searched")
	require.NotContains(t, string(metrics), "trace")
	return found
}

// callbackURL is where ConnectFi was told to call.
func callbackURL(t *testing.T, reference string) string {
	t.Helper()
	var all []struct{ Reference, WebhookURL string }
	sandbox(t, http.MethodGet, "/sandbox/applications", nil, &all)
	for _, a := range all {
		if a.Reference == reference {
			return a.WebhookURL
		}
	}
	require.Fail(t, "ConnectFi has no application", reference)
	return ""
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(response.Body)
	require.NoError(t, err)
	return body.Bytes()
}

// journal is a log in memory.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// textChunk is a remark in a png.
func textChunk(key, text string) []byte {
	content := append([]byte("tEXt"+key+"\x00"), text...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(content)-4))
	chunk = append(chunk, content...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(content))
}
