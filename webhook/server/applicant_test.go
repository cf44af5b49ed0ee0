package server_test

import (
	"bytes"
	"context"
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
	hurried []string // the cases that were expedited
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
	return r.kycCase.View(), nil
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

func images(t testing.TB, options ...docstore.Option) *docstore.Store {
	t.Helper()
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	store, err := docstore.Open(t.Context(), "mem://", keyset, options...)
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
	home    string            // the address of the session entered last
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
		v.home = answer.Header().Get("Location")
		require.True(v.t, strings.HasPrefix(v.home, "/verify/case"), v.home)
		answer = v.get(v.home)
	}
	require.Equal(v.t, http.StatusOK, answer.Code, "%s", answer.Body)
	return answer.Body.String()
}

// session is the cookie of the session entered last.
func (v *visitor) session() string {
	return "kyc_session_" + v.home[strings.LastIndex(v.home, "/")+1:]
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

// licence is a complete form for an entity but for its images.
func (v *visitor) licence(entity string) []field {
	csrf := v.field(v.get(v.home).Body.String(), "csrf")
	return []field{{"csrf", csrf}, {"entity", entity}, {"type", "license"}, {"consent", "yes"}}
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

func TestLinksThatAreGoodForNothing(t *testing.T) {
	decided := waiting(person)
	decided.reads("completed", "Denied", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: "completed",
		Outcome: "denied"})
	withdrawn := waiting(person)
	withdrawn.apply(kyc.WithdrawRequested{At: time.Now()})
	expired := waiting(person)
	expired.kycCase.Stage = kyc.Expired
	for name, test := range map[string]struct {
		room   *room
		change func(v *visitor, link string) string
		lasts  time.Duration
		status int
		says   string
	}{
		"decided":      {room: decided, status: http.StatusOK, says: "complete"},
		"withdrawn":    {room: withdrawn, status: http.StatusGone, says: "stopped"},
		"expired case": {room: expired, status: http.StatusGone, says: "time"},
		"expired":      {room: waiting(person), lasts: -time.Hour, status: http.StatusGone, says: "link"},
		"tampered": {room: waiting(person), change: func(_ *visitor, link string) string {
			return link[:len(link)-2] +
				"AA"
		}, status: http.StatusNotFound, says: "link"},
		"forgotten": {room: &room{}, status: http.StatusNotFound, says: "link"},
		"revoked": {room: waiting(person), change: func(v *visitor, link string) string {
			v.room.apply(kyc.LinksRevoked{At: time.Now()})
			return link
		}, status: http.StatusGone, says: "link"},
		"ended in Temporal": {room: &room{broken: &cases.EndedError{State: cases.RunTerminated}}, status: http.StatusGone,
			says: "called off"},
		"paused": {room: &room{broken: &cases.PausedError{By: "olga"}}, status: http.StatusServiceUnavailable,
			says: "again"},
		"Temporal away": {room: &room{broken: cases.ErrUnavailable}, status: http.StatusServiceUnavailable, says: "again"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, test.room)
			if test.lasts == 0 {
				test.lasts = time.Hour
			}
			link := v.link("", test.lasts)
			if test.change != nil {
				link = test.change(v, link)
			}
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				answer := v.request(method, link, "", nil)
				require.Equal(t, test.status, answer.Code)
				require.Contains(t, answer.Body.String(), test.says)
				require.Contains(t, answer.Header().Get("Content-Type"), "text/html")
			}
			require.Empty(t, v.cookies)
		})
	}
}

func TestASessionEnds(t *testing.T) {
	v := visit(t, waiting(person))
	require.Equal(t, http.StatusForbidden, v.get("/verify/case").Code)
	v.enter(v.link("", time.Hour))
	require.Equal(t, http.StatusOK, v.get("/verify/case").Code)
	form := v.licence(person)

	name := v.session()
	stolen := v.cookies[name]
	v.cookies[name] = stolen[:len(stolen)-1] + "x"
	require.Equal(t, http.StatusForbidden, v.get("/verify/case").Code)
	require.Equal(t, http.StatusForbidden, v.get("/verify/state").Code)
	require.Equal(t, http.StatusForbidden, v.send(form...).Code)
	v.cookies[name] = stolen

	delete(v.cookies, name)
	v.enter(v.link("", time.Hour))
	require.Equal(t, http.StatusForbidden, v.send(append(form, side(t, "1", "front"))...).Code,
		"a form of another session")
	require.Zero(t, v.stored())

	v.room.apply(kyc.LinksRevoked{At: time.Now()})
	require.Equal(t, http.StatusGone, v.get("/verify/case").Code)
}

func TestTheCookieIsTheBrowsersAlone(t *testing.T) {
	for url, secure := range map[string]bool{"https://kyc.example": true, "http://127.0.0.1:8080": false} {
		v := visit(t, waiting(person), func(c *server.Config) { c.PublicURL = url })
		answer := v.request(http.MethodPost, v.link("", time.Hour), "", nil)
		cookie := answer.Result().Cookies()[0]
		require.True(t, cookie.HttpOnly)
		require.Equal(t, secure, cookie.Secure)
		require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		require.Equal(t, "/verify", cookie.Path)
		require.InDelta(t, 3600, cookie.MaxAge, 5, "it ends with its link")
	}
}

func TestAnotherSiteSendsNothing(t *testing.T) {
	v := visit(t, waiting(person))
	v.agent["Sec-Fetch-Site"] = "cross-site"
	link := v.link("", time.Hour)
	require.Equal(t, http.StatusOK, v.get(link).Code, "a link in a mail is opened from anywhere")
	require.Equal(t, http.StatusForbidden, v.request(http.MethodPost, link, "", nil).Code)
	delete(v.cookies, "kyc_opened") // says that a link was opened, and lets nobody in
	require.Empty(t, v.cookies)
}

func TestNewsOnlyWhenThereAreSome(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	rev := strconv.Itoa(v.room.kycCase.Version)
	require.Equal(t, http.StatusNoContent, v.get("/verify/state?rev="+rev).Code)
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
