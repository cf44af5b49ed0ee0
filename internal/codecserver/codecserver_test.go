package codecserver

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"

	"durablekyc.example/internal/encryption"
)

const (
	ui    = "https://temporal.example:8233"
	token = "a-token-of-more-than-32-characters-0123"
	older = "an-older-token-of-32-characters-0123456"
)

type desk struct {
	http.Handler
	text string // of the keyset
	log  bytes.Buffer
}

func open(t *testing.T) *desk {
	t.Helper()
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	d := &desk{text: text}
	d.with(t, text, ui)
	return d
}

// with starts the endpoint again with this keyset, for pages of one origin.
func (d *desk) with(t *testing.T, text, origin string) {
	t.Helper()
	var err error
	d.Handler, err = Handler("/codec", Config{Keyset: keyset(t, text), Origins: []string{origin}, Tokens: []string{token,
		older},
		Logger: slog.New(slog.NewTextHandler(&d.log, nil))})
	require.NoError(t, err)
}

func keyset(t *testing.T, text string) encryption.Keyset {
	t.Helper()
	k, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	return k
}

// sealed is a body of payloads of a workflow.
func sealed(t *testing.T, text, workflow string, values ...string) string {
	t.Helper()
	c := converter.WithDataConverterSerializationContext(keyset(t, text).Converters().Data,
		converter.WorkflowSerializationContext{WorkflowID: workflow})
	var all commonpb.Payloads
	for _, v := range values {
		p, err := c.ToPayload(v)
		require.NoError(t, err)
		all.Payloads = append(all.Payloads, p)
	}
	body, err := protojson.Marshal(&all)
	require.NoError(t, err)
	return string(body)
}

func (d *desk) post(path, body string, header http.Header) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for name := range header {
		request.Header.Set(name, header.Get(name))
	}
	answer := httptest.NewRecorder()
	d.ServeHTTP(answer, request)
	return answer
}

var asUI = http.Header{"Origin": {ui}}

func read(t *testing.T, answer *httptest.ResponseRecorder) (values []string) {
	t.Helper()
	require.Equal(t, http.StatusOK, answer.Code, "%s", answer.Body)
	var all commonpb.Payloads
	require.NoError(t, protojson.Unmarshal(answer.Body.Bytes(), &all))
	for _, p := range all.Payloads {
		values = append(values, string(p.Data))
	}
	return values
}

func TestTheUIReadsWhatWasSealed(t *testing.T) {
	d := open(t)
	body := sealed(t, d.text, "kyc-A1", "Marker One", "Marker Two")
	answer := d.post("/codec/"+token+"/decode", body, asUI)
	require.Equal(t, []string{`"Marker One"`, `"Marker Two"`}, read(t, answer))
	require.Equal(t, ui, answer.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	require.Len(t, read(t, d.post("/codec/decode", body, http.Header{"Origin": {ui}, "Authorization": {"Bearer " +
		older}})), 2)

	require.Contains(t, d.log.String(), "count=2 left=0 of=[kyc-A1]")
	for _, secret := range []string{"Marker", token, older} {
		require.NotContains(t, d.log.String(), secret)
	}
}

// After two rotations, what the first key sealed is still read; a payload of a
// key that is gone, or that was never sealed, hides none of those around it.
func TestWhatDoesNotOpenIsLeft(t *testing.T) {
	d := open(t)
	old, first := d.text, sealed(t, d.text, "kyc-A1", "first")
	for range 2 {
		var err error
		d.text, err = encryption.RotateKeyset(d.text)
		require.NoError(t, err)
	}
	d.with(t, d.text, ui)
	require.Equal(t, []string{`"first"`}, read(t, d.post("/codec/"+token+"/decode", first, asUI)))

	d.with(t, old, ui)
	var mixed, part commonpb.Payloads
	for _, body := range []string{sealed(t, d.text, "kyc-A2", "later"), first,
		`{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"ImNsZWFyIg=="}]}`} {
		require.NoError(t, protojson.Unmarshal([]byte(body), &part))
		mixed.Payloads = append(mixed.Payloads, part.Payloads...)
		part.Reset()
	}
	body, err := protojson.Marshal(&mixed)
	require.NoError(t, err)
	values := read(t, d.post("/codec/"+token+"/decode", string(body), asUI))
	require.NotContains(t, values[0], "later")
	require.Equal(t, []string{`"first"`, `"clear"`}, values[1:])
	require.Contains(t, d.log.String(), "count=1 left=2")
}

// A history as Temporal has it, of a key that was rotated twice since.
func TestAGoldenHistoryIsRead(t *testing.T) {
	const histories = "../../workflows/testdata/histories/"
	text, err := os.ReadFile(histories + "keyset.json")
	require.NoError(t, err)
	rotated := strings.TrimSpace(string(text))
	for range 2 {
		rotated, err = encryption.RotateKeyset(rotated)
		require.NoError(t, err)
	}
	d := open(t)
	d.with(t, rotated, ui)
	runs, err := filepath.Glob(histories + "v0.1/kyc-notified.*.json")
	require.NoError(t, err)
	var history []byte
	for _, run := range runs {
		text, err := os.ReadFile(run)
		require.NoError(t, err)
		history = append(history, text...)
	}
	payloads := regexp.MustCompile(
		`\{"metadata":\{"encoding":"YmluYXJ5L2VuY3J5cHRlZA=="[^{}]*\},"data":"[^"]*"\}`).FindAll(history, -1)
	require.Greater(t, len(payloads), 10)
	body := `{"payloads":[` + string(bytes.Join(payloads, []byte(","))) + `]}`
	values := strings.Join(read(t, d.post("/codec/"+token+"/decode", body, asUI)), "\n")
	require.Contains(t, values, `"stage":"approved"`)
	require.Contains(t, d.log.String(), `left=0 of="[kyc-notified kyc-notify-notified]"`)
}

func TestWhoMayNotReadReadsNothing(t *testing.T) {
	d := open(t)
	body := sealed(t, d.text, "kyc-A1", "Marker")
	for name, test := range map[string]struct {
		path   string
		header http.Header
		status int
	}{
		"another origin": {"/codec/" + token + "/decode", http.Header{"Origin": {"https://evil.example"}},
			http.StatusForbidden},
		"an origin's suffix": {"/codec/" + token + "/decode", http.Header{"Origin": {ui + ".evil.example"}},
			http.StatusForbidden},
		"another scheme": {"/codec/" + token + "/decode", http.Header{"Origin": {"http://temporal.example:8233"}},
			http.StatusForbidden},
		"origin null":        {"/codec/" + token + "/decode", http.Header{"Origin": {"null"}}, http.StatusForbidden},
		"no origin":          {"/codec/" + token + "/decode", nil, http.StatusForbidden},
		"no credential":      {"/codec/decode", asUI, http.StatusUnauthorized},
		"another credential": {"/codec/" + token + "x/decode", asUI, http.StatusUnauthorized},
		"another bearer": {"/codec/decode", http.Header{"Origin": {ui}, "Authorization": {"Bearer " + token[1:]}},
			http.StatusUnauthorized},
		"a basic credential": {"/codec/decode", http.Header{"Origin": {ui}, "Authorization": {"Basic " + token}},
			http.StatusUnauthorized},
		"encode":                 {"/codec/" + token + "/encode", asUI, http.StatusNotFound},
		"something after decode": {"/codec/" + token + "/decode/encode", asUI, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			answer := d.post(test.path, body, test.header)
			require.Equal(t, test.status, answer.Code)
			require.NotContains(t, answer.Body.String(), "Marker")
			if test.status == http.StatusForbidden {
				require.Empty(t, answer.Header().Get("Access-Control-Allow-Origin"))
			}
		})
	}
	require.NotContains(t, d.log.String(), token)
	require.Equal(t, http.StatusBadRequest, d.post("/codec/"+token+"/decode", "{", asUI).Code)
	require.Equal(t, http.StatusRequestEntityTooLarge, d.post("/codec/"+token+"/decode", strings.Repeat(" ", maxBody+1),
		asUI).Code)
}

func TestPreflight(t *testing.T) {
	d := open(t)
	for origin, status := range map[string]int{ui: http.StatusNoContent, "https://evil.example": http.StatusForbidden,
		"": http.StatusForbidden} {
		request := httptest.NewRequest(http.MethodOptions, "/codec/"+token+"/decode", nil)
		request.Header.Set("Origin", origin)
		answer := httptest.NewRecorder()
		d.ServeHTTP(answer, request)
		require.Equal(t, status, answer.Code)
		require.Equal(t, status == http.StatusNoContent, answer.Header().Get("Access-Control-Allow-Origin") == ui)
		require.NotContains(t, answer.Header().Get("Access-Control-Allow-Origin"), "*")
	}
}

// More than some at once is told to come back: each may need megabytes.
func TestTooManyAtOnceComeBack(t *testing.T) {
	e := &endpoint{slots: make(chan struct{}, 1), origins: []string{ui},
		Config: Config{Logger: slog.New(slog.DiscardHandler)}}
	e.slots <- struct{}{}
	e.tokens = append(e.tokens, sum(token))
	request := httptest.NewRequest(http.MethodPost, "/codec/decode", strings.NewReader("{}"))
	request.Header.Set("Origin", ui)
	request.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	e.decode(answer, request)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Equal(t, "1", answer.Header().Get("Retry-After"))
}

func TestWrongSettingsAreOneSentence(t *testing.T) {
	for name, test := range map[string]struct {
		origins, tokens []string
		says            string
	}{
		"no token":       {[]string{ui}, nil, "both origins and tokens"},
		"no origin":      {nil, []string{token}, "both origins and tokens"},
		"wildcard":       {[]string{"*"}, []string{token}, `"*" is not an origin`},
		"with a path":    {[]string{ui + "/"}, []string{token}, "is not an origin"},
		"short token":    {[]string{ui}, []string{token, "Marker"}, "codec token 2 must have at least 32"},
		"a step's token": {[]string{ui}, []string{strings.Repeat("a/b", 12)}, "letters, digits, hyphens or underscores"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Handler("/codec", Config{Origins: test.origins, Tokens: test.tokens})
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "Marker")
		})
	}
}

// An origin is compared as browsers send it, however it was written.
func TestOriginsAreSerialisedAsBrowsersDo(t *testing.T) {
	for written, sent := range map[string]string{
		"https://Temporal.Example:443":  "https://temporal.example",
		"HTTP://temporal.example:80":    "http://temporal.example",
		"https://temporal.example:80":   "https://temporal.example:80",
		"http://127.0.0.1:8233":         "http://127.0.0.1:8233",
		"http://[::1]:8233":             "http://[::1]:8233",
		"https://bücher.example":        "https://xn--bcher-kva.example",
		"https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
	} {
		t.Run(written, func(t *testing.T) {
			d := open(t)
			d.with(t, d.text, written)
			body := sealed(t, d.text, "kyc-A1", "Marker")
			require.Len(t, read(t, d.post("/codec/"+token+"/decode", body, http.Header{"Origin": {sent}})), 1)
			require.Equal(t, http.StatusForbidden, d.post("/codec/"+token+"/decode", body,
				http.Header{"Origin": {"https://other.example"}}).Code)
		})
	}
}

// A browser asks whether a public page may reach into a private network.
func TestAPublicUIMayReachAPrivateCodec(t *testing.T) {
	d := open(t)
	ask := func(origin string, header http.Header) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodOptions, "/codec/decode", nil)
		request.Header = header.Clone()
		request.Header.Set("Origin", origin)
		answer := httptest.NewRecorder()
		d.ServeHTTP(answer, request)
		return answer
	}
	private := http.Header{"Access-Control-Request-Private-Network": {"true"}}
	require.Equal(t, "true", ask(ui, private).Header().Get("Access-Control-Allow-Private-Network"))
	require.Empty(t, ask(ui, http.Header{}).Header().Get("Access-Control-Allow-Private-Network"))
	require.Empty(t, ask("https://other.example", private).Header().Get("Access-Control-Allow-Private-Network"))
}
