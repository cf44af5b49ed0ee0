package server_test

import (
	"bytes"
	"context"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/server"
	"durablekyc.example/workflows"
)

const (
	person   = "cstap_6reGTr3k8vpAu8uFV7EdiN" // (S)
	business = "cstab_7BX5DO49J48VeWKsJ6gWNb" // (S)
	agent    = "cstab_7BX5DPJcbmipymiokecA6d" // its representative (S)
	other    = "cstab_7BX5DPJcbmipymiokecA6e"
)

// room has one case in it, a real one, and stands for Temporal.
type room struct {
	mu      sync.Mutex
	kycCase kyc.Case
	taken   []kyc.Submission
	broken  error    // what every call ends in; nil is none
	late    bool     // it refuses what it seemed to want
	lost    bool     // it takes a submission, and its answer is lost
	hurried []string // the cases that were expedited

	checked, next time.Time // when ConnectFi was asked last and is asked next, while the case is in review
}

func (r *room) Expedite(_ context.Context, reference string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hurried = append(r.hurried, reference)
	return r.broken
}

func (r *room) Show(_ context.Context, reference string) (kyc.View, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return kyc.View{}, r.broken
	}
	if reference != r.kycCase.Reference || reference == "" {
		return kyc.View{}, cases.ErrNotFound
	}
	v := r.kycCase.View()
	v.CheckedAt, v.NextCheckAt = r.checked, r.next
	return v, nil
}

func (r *room) Revision(context.Context, string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strconv.Itoa(r.kycCase.Version), r.broken
}

func (r *room) SubmitAsync(_ context.Context, _ string, s kyc.Submission) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	if err := r.kycCase.CheckSubmission(s); err != nil || r.late {
		if err == nil {
			err = kyc.ErrDocumentsNotRequested
		}
		return &cases.RefusedError{Type: workflows.RefusedNotWanted, Reason: err.Error()}
	}
	r.kycCase.Apply(kyc.Submitted{At: time.Now(), Submission: s})
	r.taken = append(r.taken, s)
	if r.lost {
		return cases.ErrUnavailable
	}
	return nil
}

func (r *room) apply(e kyc.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kycCase.Apply(e)
}

// reads lets ConnectFi say something about each entity.
func (r *room) reads(status kyc.Status, outcome kyc.Outcome, entities ...kyc.EntitySnapshot) {
	submission := ""
	if len(r.kycCase.Queue) > 0 {
		submission = r.kycCase.Queue[0].ID
	}
	r.apply(kyc.StatusReceived{At: time.Now(), Submission: submission,
		Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: status, Outcome: outcome, Entities: entities}})
}

func keyset(t testing.TB) encryption.Keyset {
	t.Helper()
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	return keyset
}

func images(t testing.TB, options ...docstore.Option) *docstore.Store {
	t.Helper()
	store, err := docstore.Open(t.Context(), "mem://", keyset(t), options...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// visitor is a browser without a script, and what it sees of a webhook.
type visitor struct {
	testServer
	t       testing.TB
	room    *room
	store   *docstore.Store
	cookies map[string]string
	home    string            // the address of the session entered last, without a step
	csrf    string            // of the form seen last
	agent   map[string]string // headers of the browser
}

// waiting is an individual's case that waits for documents, or a business's
// with two representatives.
func waiting(customer string) *room {
	r := &room{kycCase: kyc.New("A1", customer, kyc.DefaultPolicy(), time.Now())}
	if customer == person {
		r.reads("pending_step_up", "", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: "pending_step_up"})
	} else {
		r.reads("pending_step_up", "", kyc.EntitySnapshot{ID: business, IsCustomer: true, Status: "completed",
			Outcome: "approved"},
			kyc.EntitySnapshot{ID: agent, Status: "pending_step_up"}, kyc.EntitySnapshot{ID: other, Status: "pending_step_up"})
	}
	return r
}

func visit(t testing.TB, r *room, change ...func(*server.Config)) *visitor {
	v := &visitor{t: t, room: r, store: images(t), cookies: map[string]string{}, agent: map[string]string{}}
	v.testServer = newServer(t, &desk{}, append([]func(*server.Config){func(c *server.Config) {
		display(c, r)
		c.Documents = v.store
	}}, change...)...)
	return v
}

func (v *visitor) link(entity string, lasts time.Duration) string {
	address := v.keys.Address("", linktoken.Ticket{Subject: "A1", Part: entity, Epoch: v.room.kycCase.LinkEpoch,
		Expires: time.Now().Add(lasts)})
	return address
}

func (v *visitor) request(method, path, contentType string, body io.Reader) *httptest.ResponseRecorder {
	v.t.Helper()
	request := httptest.NewRequest(method, path, body)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for name, value := range v.agent {
		request.Header.Set(name, value)
	}
	for name, value := range v.cookies {
		request.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer := ask(v.t, v.Public(), request)
	for _, cookie := range answer.Result().Cookies() {
		if v.cookies[cookie.Name] = cookie.Value; cookie.MaxAge < 0 {
			delete(v.cookies, cookie.Name)
		}
	}
	return answer
}

func (v *visitor) get(path string) *httptest.ResponseRecorder {
	return v.request(http.MethodGet, path, "", nil)
}

// enter opens a link, presses its button, and reads the page that this leads to.
func (v *visitor) enter(link string) string {
	v.t.Helper()
	before := len(v.cookies)
	opened := v.get(link)
	require.Equal(v.t, http.StatusOK, opened.Code, "%s", opened.Body)
	delete(v.cookies, "kyc_opened") // which is no session
	require.Len(v.t, v.cookies, before, "opening spends nothing")
	answer := v.request(http.MethodPost, link, "application/x-www-form-urlencoded", nil)
	for range 3 {
		if answer.Code != http.StatusSeeOther {
			break
		}
		location := answer.Header().Get("Location")
		require.True(v.t, strings.HasPrefix(location, "/verify/case"), location)
		v.home, _, _ = strings.Cut(location, "?")
		answer = v.get(location)
	}
	require.Equal(v.t, http.StatusOK, answer.Code, "%s", answer.Body)
	return answer.Body.String()
}

// session is the cookie of the session entered last.
func (v *visitor) session() string {
	return "kyc_session_" + v.home[strings.LastIndex(v.home, "/")+1:]
}

// news is where a page asks whether anything has happened.
func (v *visitor) news(page string) string {
	v.t.Helper()
	found := regexp.MustCompile(`data-news-url="([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(v.t, found, "%s", page)
	return html.UnescapeString(found[1])
}

// field finds a hidden field of the page as it stands.
func (v *visitor) field(page, name string) string {
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if found == nil {
		return ""
	}
	return found[1]
}

// fields of a form, in the order a browser sends them; files are named so that
// nobody may trust what they are called.
type field struct{ name, value string }

func (v *visitor) send(fields ...field) *httptest.ResponseRecorder {
	v.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range fields {
		var part io.Writer
		var err error
		if f.name == "front" || f.name == "back" {
			part, err = form.CreateFormFile(f.name, "../../etc/Marker-Name.pdf")
		} else {
			part, err = form.CreateFormField(f.name)
		}
		require.NoError(v.t, err)
		_, err = part.Write([]byte(f.value))
		require.NoError(v.t, err)
	}
	require.NoError(v.t, form.Close())
	return v.request(http.MethodPost, v.home, form.FormDataContentType(), &body)
}

// follows is get, with redirects followed as a browser does.
func (v *visitor) follows(path string) *httptest.ResponseRecorder {
	v.t.Helper()
	answer := v.get(path)
	for range 3 {
		if answer.Code != http.StatusSeeOther {
			break
		}
		answer = v.get(answer.Header().Get("Location"))
	}
	return answer
}

// step is the form of a step for an entity.
func (v *visitor) step(entity, name string, fields ...field) []field {
	v.t.Helper()
	for _, n := range []string{"2", "3"} { // of a business; it is the same in every form of a session
		if csrf := v.field(v.follows(v.home+"?for="+n).Body.String(), "csrf"); csrf != "" {
			v.csrf = csrf
			break
		}
	}
	return append([]field{{"csrf", v.csrf}, {"entity", entity}, {"step", name}}, fields...)
}

// does sends the form of a step for an entity.
func (v *visitor) does(entity, name string, fields ...field) *httptest.ResponseRecorder {
	v.t.Helper()
	return v.send(v.step(entity, name, fields...)...)
}

// submits goes all the way for an entity with these images, of a document of this
// type, and returns the last answer.
func (v *visitor) submits(entity, document string, images ...field) *httptest.ResponseRecorder {
	v.t.Helper()
	v.prepares(entity, document, images...)
	return v.does(entity, "review", field{"consent", "yes"})
}

// prepares goes all the way but the last step.
func (v *visitor) prepares(entity, document string, images ...field) {
	v.t.Helper()
	answer := v.does(entity, "document", field{"type", document})
	require.Equal(v.t, http.StatusSeeOther, answer.Code, "%s", answer.Body)
	for _, image := range images {
		answer = v.does(entity, image.name, image)
		require.Equal(v.t, http.StatusSeeOther, answer.Code, "%s", answer.Body)
	}
}

// license are both sides of one.
func license(t testing.TB, seed string) []field {
	t.Helper()
	return []field{side(t, seed, "front"), side(t, seed, "back")}
}

func side(t testing.TB, seed, name string) field {
	picture, err := imagecheck.Specimen(seed, name)
	require.NoError(t, err)
	return field{name, string(picture)}
}

// stored counts what lies in the store.
func (v *visitor) stored() (n int) {
	for owner, err := range v.store.Owners(v.t.Context()) {
		require.NoError(v.t, err)
		n += owner.Images
	}
	return n
}

// Every look at a case is a query: nobody needs a hundred of them.
func TestAFloodOfLooksIsSlowedDown(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	status := 0
	for range 100 {
		if status = v.get("/verify/case").Code; status != http.StatusOK {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, http.StatusOK, visit(t, waiting(person)).get(v.link(agent, time.Hour)).Code, "nobody else is")
}

func TestNewsOnlyWhenThereAreSome(t *testing.T) {
	v := visit(t, waiting(person))
	news := v.news(v.enter(v.link("", time.Hour)))
	require.Equal(t, http.StatusNoContent, v.get(news).Code)
	rev := strconv.Itoa(v.room.kycCase.Version)
	v.room.reads("waiting_review", "", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: "waiting_review"})
	answer := v.get("/verify/state?rev=" + rev)
	require.Equal(t, http.StatusOK, answer.Code)
	v.room.reads("completed", "Denied", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: "completed",
		Outcome: "denied"})
	answer = v.get("/verify/state?rev=" + rev)
	require.NotContains(t, strings.ToLower(answer.Body.String()), "denied", "how it was decided is not ours to tell")
}

func TestThePageSpeaksSpanish(t *testing.T) {
	v := visit(t, waiting(person))
	v.agent["Accept-Language"] = "es-MX,es;q=0.9,en;q=0.5"
	link := v.link("", time.Hour)
	require.Contains(t, v.get(link).Body.String(), `<html lang="es"`)
	require.Contains(t, v.get(link+"?lang=en").Body.String(), `<html lang="en"`)
	require.Contains(t, v.get(link).Body.String(), `<html lang="en"`, "it was chosen")
}

func TestHeadersOfThePage(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	for _, path := range []string{v.link("", time.Hour), "/verify/case", "/verify/link/none"} {
		h := v.get(path).Header()
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Cache-Control": "no-store", "Referrer-Policy": "same-origin"} {
			require.Equal(t, want, h.Get(name), "%s %s", path, name)
		}
		csp := h.Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'")
		require.NotContains(t, csp, "unsafe")
	}
	asset := regexp.MustCompile(`/verify/assets/page-\w+\.js`).FindString(v.get("/verify/case").Body.String())
	require.NotEmpty(t, asset)
	answer := v.get(asset)
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Header().Get("Cache-Control"), "immutable")
	require.Contains(t, v.get("/verify/limits").Body.String(), `"maxBytes":10485760`)
}
