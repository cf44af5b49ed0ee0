package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/kyc"
)

// Withdrawal ends a case at once, also while its upload is being retried.
func TestWithdrawalWhileAnUploadIsRetried(t *testing.T) {
	v := begin(t, "withdrawnupload", customers(t, "individual", "step_up", 1)[0], patient())
	faults(t, map[string]any{"error_before": 1})
	dir := t.TempDir()
	front, back := writeLicence(t, dir, "withdrawn")
	var under sync.WaitGroup
	under.Go(func() { starter(t, "upload", v.Reference, "--front", front, "--back", back) })
	retried := func(v kyc.View) bool {
		d, err := one.client.DescribeWorkflowExecution(t.Context(), "kyc-"+v.Reference, "")
		return err == nil && len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetAttempt() > 2
	}
	until(t, v.Reference, retried)
	begun := time.Now()
	ended, err := one.cases.Withdraw(t.Context(), v.Reference)
	require.NoError(t, err)
	require.Equal(t, kyc.Withdrawn, ended.Stage)
	require.Less(t, time.Since(begun), 5*time.Second)
	under.Wait() // whoever uploaded is answered, too
	ended, err = one.cases.Show(t.Context(), v.Reference)
	require.NoError(t, err)
	require.Equal(t, kyc.Withdrawn, ended.Stage)
	require.Zero(t, ledger(t, v.Reference).Attachments)
}

// An image's bytes, its file's name and what its camera wrote into it are in no
// database of Temporal's, no log, no metric, and not in the bucket as they are.
func TestImagesLeaveNoTrace(t *testing.T) {
	data, photos := t.TempDir(), t.TempDir()
	var log journal
	s, err := startSystem(t.Context(), options{data: data, log: slog.New(slog.NewJSONHandler(&log, nil))})
	require.NoError(t, err)
	stopped := false
	defer func() {
		if !stopped {
			require.NoError(t, s.stop())
		}
	}()
	before := one
	one = s
	defer func() { one = before }()

	const name, remark = "MarkerOfAName", "MarkerOfACamera"
	markers := map[string][]byte{"the file's name": []byte(name), "the camera's remark": []byte(remark)}
	paths := map[string]string{}
	for _, side := range []string{"front", "back"} {
		drawn, err := docstore.Specimen("trace", side)
		require.NoError(t, err)
		// A remark between the header and the pixels, as cameras write it.
		marked := append(bytes.Clone(drawn[:33]), textChunk("Comment", remark)...)
		marked = append(marked, drawn[33:]...)
		paths[side] = filepath.Join(photos, name+side+".png")
		require.NoError(t, os.WriteFile(paths[side], marked, 0o600))
		judged, err := docstore.Judge(bytes.NewReader(marked), docstore.DefaultLimits())
		require.NoError(t, err)
		markers["bytes of the "+side+" as it came"] = drawn[len(drawn)/2:][:48]
		markers["bytes of the "+side+" as it goes on"] = judged.Bytes[len(judged.Bytes)/2:][:48]
	}
	send := func(reference, scenario string) kyc.View {
		v := begin(t, reference, customers(t, "individual", scenario, 1)[0], patient())
		code, _, stderr := starter(t, "upload", v.Reference, "--front", paths["front"], "--back", paths["back"])
		require.True(t, code == 0 || strings.Contains(stderr, "ConnectFi has not answered"), stderr)
		return until(t, reference, func(v kyc.View) bool { return v.Stage != kyc.AwaitingDocuments })
	}
	paged := begin(t, "trace1", customers(t, "individual", "step_up", 1)[0], patient())
	sendByPage(t, paged, paths)
	require.Equal(t, kyc.Approved, until(t, paged.Reference, final).Stage)
	require.Equal(t, kyc.InReview, send("trace2", "step_up_review").Stage)
	faults(t, map[string]any{"error_before": 0.2, "error_after": 0.2})
	require.Equal(t, kyc.Approved, send("trace3", "step_up").Stage)

	metrics := fetch(t, s.admin+"/metrics")
	require.NoError(t, s.stop())
	stopped = true
	places := map[string][]byte{"log": []byte(log.String()), "metrics": metrics}
	require.NoError(t, filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			places[path], err = os.ReadFile(path)
		}
		return err
	}))
	found := false
	for place, content := range places {
		found = found || bytes.Contains(content, []byte("trace2"))
		for what, marker := range markers {
			require.False(t, bytes.Contains(content, marker), "%s is in %s", what, place)
		}
	}
	require.True(t, found, "the database was not searched: it must name the case")
	require.Contains(t, string(places["log"]), "/verify", "the log was not searched")
	require.NotContains(t, string(metrics), "trace")
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

// sendByPage is what a browser without a script does with a link.
func sendByPage(t *testing.T, v kyc.View, paths map[string]string) {
	t.Helper()
	code, link, stderr := starter(t, "link", v.Reference)
	require.Zero(t, code, stderr)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := http.Client{Jar: jar}
	response, err := browser.PostForm(strings.TrimSpace(link), nil)
	require.NoError(t, err)
	shown, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	csrf := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindSubmatch(shown)
	require.NotNil(t, csrf, "%s", shown)

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{{"csrf", string(csrf[1])}, {"entity", v.Entities[0].ID}, {"type", "license"}, {"consent", "yes"}} {
		require.NoError(t, form.WriteField(f[0], f[1]))
	}
	for _, side := range []string{"front", "back"} {
		part, err := form.CreateFormFile(side, filepath.Base(paths[side]))
		require.NoError(t, err)
		file, err := os.ReadFile(paths[side])
		require.NoError(t, err)
		_, err = part.Write(file)
		require.NoError(t, err)
	}
	require.NoError(t, form.Close())
	response, err = browser.Post(response.Request.URL.String(), form.FormDataContentType(), &body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// textChunk is a remark in a png.
func textChunk(key, text string) []byte {
	content := append([]byte("tEXt"+key+"\x00"), text...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(content)-4))
	chunk = append(chunk, content...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(content))
}
