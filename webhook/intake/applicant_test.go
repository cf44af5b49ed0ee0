package intake_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
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

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/seal"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/intake"
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
	mu     sync.Mutex
	kase   kyc.Case
	taken  []kyc.Submission
	broken error // what every call ends in; nil is none
	late   bool  // it refuses what it seemed to want
}

func (r *room) Show(_ context.Context, reference string) (kyc.View, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return kyc.View{}, r.broken
	}
	if reference != r.kase.Reference || reference == "" {
		return kyc.View{}, workflows.ErrUnknown
	}
	return r.kase.View(), nil
}

func (r *room) Revision(context.Context, string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strconv.Itoa(r.kase.Version), r.broken
}

func (r *room) HandIn(_ context.Context, _ string, s kyc.Submission) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	if err := r.kase.CheckSubmission(s); err != nil || r.late {
		if err == nil {
			err = kyc.ErrNotWanted
		}
		return &workflows.RefusedError{Type: workflows.RefusedNotWanted, Reason: err.Error()}
	}
	r.kase.Apply(kyc.Submitted{At: time.Now(), Submission: s})
	r.taken = append(r.taken, s)
	return nil
}

func (r *room) apply(e kyc.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kase.Apply(e)
}

// reads lets ConnectFi say something about each entity.
func (r *room) reads(status kyc.Status, outcome kyc.Outcome, entities ...kyc.EntityReading) {
	submission := ""
	if len(r.kase.Queue) > 0 {
		submission = r.kase.Queue[0].ID
	}
	r.apply(kyc.Answered{At: time.Now(), Submission: submission,
		Reading: kyc.Reading{ApplicationID: "iapp_1", Status: status, Outcome: outcome, Entities: entities}})
}

func images(t testing.TB) *docstore.Store {
	t.Helper()
	text, err := seal.NewKeyset()
	require.NoError(t, err)
	keyset, err := seal.ParseKeyset(text)
	require.NoError(t, err)
	store, err := docstore.Open(t.Context(), "mem://", keyset)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// visitor is a browser without a script, and what it sees of an edge.
type visitor struct {
	edge
	t       *testing.T
	room    *room
	store   *docstore.Store
	cookies map[string]string
	agent   map[string]string // headers of the browser
}

// waiting is an individual's case that waits for documents, or a business's
// with two representatives.
func waiting(customer string) *room {
	r := &room{kase: kyc.New("A1", customer, kyc.DefaultPolicy(), time.Now())}
	if customer == person {
		r.reads("pending_step_up", "", kyc.EntityReading{ID: person, IsCustomer: true, Status: "pending_step_up"})
	} else {
		r.reads("pending_step_up", "", kyc.EntityReading{ID: business, IsCustomer: true, Status: "completed", Outcome: "approved"},
			kyc.EntityReading{ID: agent, Status: "pending_step_up"}, kyc.EntityReading{ID: other, Status: "pending_step_up"})
	}
	return r
}

func visit(t *testing.T, r *room, change ...func(*intake.Config)) *visitor {
	v := &visitor{t: t, room: r, store: images(t), cookies: map[string]string{}, agent: map[string]string{}}
	v.edge = newEdge(t, &desk{}, append([]func(*intake.Config){func(c *intake.Config) {
		c.Applicants, c.Documents = r, v.store
	}}, change...)...)
	return v
}

func (v *visitor) link(entity string, lasts time.Duration) string {
	address := v.keys.Address("", seal.Ticket{Subject: "A1", Part: entity, Epoch: v.room.kase.Links, Expires: time.Now().Add(lasts)})
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
	answer := httptest.NewRecorder()
	v.Public().ServeHTTP(answer, request)
	for _, cookie := range answer.Result().Cookies() {
		v.cookies[cookie.Name] = cookie.Value
	}
	return answer
}

func (v *visitor) get(path string) *httptest.ResponseRecorder {
	return v.request(http.MethodGet, path, "", nil)
}

// enter opens a link and presses its button.
func (v *visitor) enter(link string) {
	v.t.Helper()
	opened := v.get(link)
	require.Equal(v.t, http.StatusOK, opened.Code, "%s", opened.Body)
	require.Empty(v.t, v.cookies, "opening spends nothing")
	pressed := v.request(http.MethodPost, link, "application/x-www-form-urlencoded", nil)
	require.Equal(v.t, http.StatusSeeOther, pressed.Code)
	require.Equal(v.t, "/verify/case", pressed.Header().Get("Location"))
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
	return v.request(http.MethodPost, "/verify/case", form.FormDataContentType(), &body)
}

// licence is a complete form for an entity but for its images.
func (v *visitor) licence(entity string) []field {
	csrf := v.field(v.get("/verify/case").Body.String(), "csrf")
	return []field{{"csrf", csrf}, {"entity", entity}, {"type", "license"}, {"consent", "yes"}}
}

func side(t testing.TB, seed, name string) field {
	picture, err := docstore.Specimen(seed, name)
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

func TestAnApplicantSendsALicence(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	page := v.get("/verify/case")
	require.Equal(t, http.StatusOK, page.Code)
	require.NotContains(t, page.Body.String(), person+"<", "no id is shown")

	form := append(v.licence(person), side(t, "1", "front"), side(t, "1", "back"))
	answer := v.send(form...)
	require.Equal(t, http.StatusSeeOther, answer.Code, "%s", answer.Body)
	require.Len(t, v.room.taken, 1)
	s := v.room.taken[0]
	require.NoError(t, s.Validate())
	require.Equal(t, person, s.Entity)
	require.Len(t, s.Consent.Text, 64)
	require.Equal(t, "en", s.Consent.Language)
	require.WithinDuration(t, time.Now(), s.Consent.At, time.Minute)
	require.Equal(t, 2, v.stored())
	for _, image := range s.Images {
		file, err := v.store.Read(t.Context(), "A1", image.Key)
		require.NoError(t, err)
		_, err = docstore.Judge(file, docstore.DefaultLimits())
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	require.Contains(t, v.get("/verify/case").Body.String(), `data-news-url`, "it keeps asking while they are on their way")

	// The same again, a second tab or a double click, is no second submission.
	again := v.send(form...)
	require.Equal(t, http.StatusConflict, again.Code)
	require.Len(t, v.room.taken, 1)
	require.NotContains(t, v.log.String(), "Marker-Name")
}

func TestOneSideAtATime(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	answer := v.send(append(v.licence(person), side(t, "1", "front"))...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	draft := v.field(answer.Body.String(), "draft")
	require.NotEmpty(t, draft, "the front need not be taken again")
	require.Equal(t, 1, v.stored())

	// A broken back leaves the front where it is, and the consent with it.
	answer = v.send(append(v.licence(person)[:3], field{"draft", draft}, field{"back", "\xff\xd8\xff\xe0 broken"})...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	draft = v.field(answer.Body.String(), "draft")
	require.NotEmpty(t, draft)
	require.Equal(t, 1, v.stored())

	// Another front takes the place of the first.
	answer = v.send(append(v.licence(person), field{"draft", draft}, side(t, "2", "front"))...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	draft = v.field(answer.Body.String(), "draft")
	require.Equal(t, 1, v.stored())

	answer = v.send(append(v.licence(person)[:3], field{"draft", draft}, side(t, "1", "back"))...)
	require.Equal(t, http.StatusSeeOther, answer.Code, "%s", answer.Body)
	require.Len(t, v.room.taken, 1)
	require.Equal(t, 2, v.stored())
}

// What looks dark is asked about, and sent all the same if the applicant says so.
func TestADoubtIsTheApplicantsToOverrule(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	picture, err := png.Decode(strings.NewReader(side(t, "1", "front").value))
	require.NoError(t, err)
	night := image.NewGray(picture.Bounds())
	for y := range night.Rect.Dy() {
		for x := range night.Rect.Dx() {
			night.SetGray(x, y, color.Gray{Y: color.GrayModel.Convert(picture.At(x, y)).(color.Gray).Y / 10})
		}
	}
	var dark strings.Builder
	require.NoError(t, png.Encode(&dark, night))
	answer := v.send(append(v.licence(person), field{"front", dark.String()}, side(t, "1", "back"))...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Contains(t, answer.Body.String(), `name="anyway"`)
	require.Empty(t, v.room.taken)
	draft := v.field(answer.Body.String(), "draft")

	answer = v.send(append(v.licence(person)[:3], field{"draft", draft})...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code, "not without a word")
	answer = v.send(append(v.licence(person)[:3], field{"draft", v.field(answer.Body.String(), "draft")}, field{"anyway", "yes"})...)
	require.Equal(t, http.StatusSeeOther, answer.Code, "%s", answer.Body)
	require.Len(t, v.room.taken, 1)
}

// A case that goes on between the look and the hand-in keeps nothing it did not want.
func TestWhatTheCaseRefusesIsForgotten(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	v.room.late = true
	answer := v.send(append(v.licence(person), side(t, "1", "front"), side(t, "1", "back"))...)
	require.Equal(t, http.StatusConflict, answer.Code)
	require.Zero(t, v.stored())
}

// When Temporal is away after the images came in, the same form again is taken.
func TestTheSameFormAgainAfterAnOutage(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	form := append(v.licence(person), side(t, "1", "front"), side(t, "1", "back"))
	v.room.broken = workflows.ErrUnavailable
	answer := v.send(form...)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
	v.room.broken = nil
	require.Equal(t, http.StatusSeeOther, v.send(form...).Code)
	require.Len(t, v.room.taken, 1)
}

func TestADraftIsOfOnePersonAndOneType(t *testing.T) {
	v := visit(t, waiting(business))
	v.enter(v.link("", time.Hour))
	answer := v.send(append(v.licence(agent), side(t, "1", "front"))...)
	draft := v.field(answer.Body.String(), "draft")
	require.NotEmpty(t, draft)
	answer = v.send(append(v.licence(other), field{"draft", draft}, side(t, "1", "back"))...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code, "another person's front is none")
	form := v.licence(agent)
	form[2].value = "passport"
	answer = v.send(append(form, field{"draft", draft})...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code, "a licence is no passport")
	require.Empty(t, v.room.taken)
}

func TestEachRepresentativeHasAnOwnLink(t *testing.T) {
	v := visit(t, waiting(business))
	v.enter(v.link(agent, time.Hour))
	page := v.get("/verify/case").Body.String()
	require.Equal(t, 1, strings.Count(page, `type="hidden" name="entity"`))
	require.NotContains(t, page, other)
	answer := v.send(append(v.licence(other), side(t, "1", "front"), side(t, "1", "back"))...)
	require.Equal(t, http.StatusConflict, answer.Code)
	require.Zero(t, v.stored())
	answer = v.send(append(v.licence(agent), side(t, "1", "front"), side(t, "1", "back"))...)
	require.Equal(t, http.StatusSeeOther, answer.Code)
}

// Every hostile upload is refused with a reason and leaves no trace.
func TestHostileUploads(t *testing.T) {
	front, back := side(t, "1", "front"), side(t, "1", "back")
	for name, test := range map[string]struct {
		files  []field
		change func(form []field) []field
		status int
		says   string
	}{
		"a PDF":             {files: []field{{"front", "%PDF-1.7 x"}, {"back", "%PDF-1.7 y"}}, says: "PDF"},
		"HEIC":              {files: []field{{"front", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"}, {"back", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"}}, says: "HEIC"},
		"nothing in it":     {files: []field{{"front", ""}, {"back", ""}}, says: "empty"},
		"a page":            {files: []field{{"front", "<html><script>alert(1)</script>"}, {"back", "<html>"}}, says: "not"},
		"cut short":         {files: []field{{"front", front.value[:len(front.value)/2]}, {"back", back.value[:20]}}, says: "damaged"},
		"no files at all":   {says: "photo"},
		"no consent":        {files: []field{front, back}, change: without("consent")},
		"a strange type":    {files: []field{front, back}, change: instead("type", "w2")},
		"no type":           {files: []field{front, back}, change: without("type")},
		"an entity of none": {files: []field{front, back}, change: instead("entity", other), status: http.StatusConflict},
		"no token":          {files: []field{front, back}, change: without("csrf"), status: http.StatusForbidden},
		"a forged token":    {files: []field{front, back}, change: instead("csrf", "AAAA"), status: http.StatusForbidden},
		"token after files": {files: []field{front, back}, change: func(f []field) []field { return append(f[1:], front, f[0]) }, status: http.StatusForbidden},
		"too many parts":    {files: []field{front, back}, change: many, status: http.StatusForbidden},
		"a draft of ours, forged": {files: []field{front}, change: func(f []field) []field { return append(f, field{"draft", "AQAAAA"}) },
			says: "photo"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, waiting(person))
			v.enter(v.link("", time.Hour))
			form := v.licence(person)
			if test.change != nil {
				form = test.change(form)
			}
			answer := v.send(append(form, test.files...)...)
			if test.status == 0 {
				test.status = http.StatusUnprocessableEntity
			}
			require.Equal(t, test.status, answer.Code, "%s", answer.Body)
			require.Contains(t, answer.Body.String(), test.says)
			require.Empty(t, v.room.taken)
			if name != "a draft of ours, forged" { // its front is good, and kept for the rest
				require.Zero(t, v.stored())
			}
		})
	}
}

func without(name string) func([]field) []field { return instead(name, "") }

func instead(name, value string) func([]field) []field {
	return func(form []field) []field {
		for i := range form {
			if form[i].name == name {
				form[i].value = value
			}
		}
		return form
	}
}

func many(form []field) []field {
	for range 20 {
		form = append(form, field{"type", "license"})
	}
	return form
}

func TestTheSameImageForBothSides(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	front := side(t, "1", "front")
	answer := v.send(append(v.licence(person), front, field{"back", front.value})...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Contains(t, answer.Body.String(), "same")
	require.Empty(t, v.room.taken)
}

func TestAnythingTooLargeIsNotRead(t *testing.T) {
	v := visit(t, waiting(person), func(c *intake.Config) {
		c.Limits = docstore.Limits{MaxBytes: 100_000, MaxPixels: 60_000_000, MinEdge: 300, MaxEdge: 12000}
	})
	v.enter(v.link("", time.Hour))
	body := &endless{start: []byte("--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" +
		v.licence(person)[0].value + "\r\n--b\r\nContent-Disposition: form-data; name=\"front\"; filename=\"x.jpg\"\r\n\r\n")}
	answer := v.request(http.MethodPost, "/verify/case", "multipart/form-data; boundary=b", body)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.Code)
	require.Less(t, body.read, 2_000_000)
	require.Zero(t, v.stored())
}

// endless is a body of a gigabyte and more.
type endless struct {
	start []byte
	read  int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.start)
	e.start = e.start[n:]
	for ; n < len(p); n++ {
		p[n] = 'x'
	}
	e.read += n
	return n, nil
}

func TestAConnectionLostInTheMiddleLeavesNothing(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	front := side(t, "1", "front").value
	body := io.MultiReader(strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n"+
		v.licence(person)[0].value+"\r\n--b\r\nContent-Disposition: form-data; name=\"front\"; filename=\"x.jpg\"\r\n\r\n"+front[:500]),
		broken{})
	v.request(http.MethodPost, "/verify/case", "multipart/form-data; boundary=b", body)
	require.Zero(t, v.stored())
	require.Empty(t, v.room.taken)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

func TestAFloodIsSlowedDown(t *testing.T) {
	v := visit(t, waiting(person), func(c *intake.Config) { c.UploadBurst, c.UploadEvery = 3, time.Hour })
	v.enter(v.link("", time.Hour))
	form := v.licence(person)
	for range 3 {
		require.Equal(t, http.StatusUnprocessableEntity, v.send(form...).Code)
	}
	answer := v.send(form...)
	require.Equal(t, http.StatusTooManyRequests, answer.Code)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
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
	decided.reads("completed", "Denied", kyc.EntityReading{ID: person, IsCustomer: true, Status: "completed", Outcome: "denied"})
	withdrawn := waiting(person)
	withdrawn.apply(kyc.Withdrawal{At: time.Now()})
	expired := waiting(person)
	expired.kase.Stage = kyc.Expired
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
		"tampered":     {room: waiting(person), change: func(_ *visitor, link string) string { return link[:len(link)-2] + "AA" }, status: http.StatusNotFound, says: "link"},
		"forgotten":    {room: &room{}, status: http.StatusNotFound, says: "link"},
		"revoked": {room: waiting(person), change: func(v *visitor, link string) string {
			v.room.apply(kyc.LinksRevoked{At: time.Now()})
			return link
		}, status: http.StatusGone, says: "link"},
		"Temporal away": {room: &room{broken: workflows.ErrUnavailable}, status: http.StatusServiceUnavailable, says: "again"},
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
			require.NotContains(t, v.cookies, "kyc_session")
		})
	}
}

func TestASessionEnds(t *testing.T) {
	v := visit(t, waiting(person))
	require.Equal(t, http.StatusForbidden, v.get("/verify/case").Code)
	v.enter(v.link("", time.Hour))
	require.Equal(t, http.StatusOK, v.get("/verify/case").Code)
	form := v.licence(person)

	stolen := v.cookies["kyc_session"]
	v.cookies["kyc_session"] = stolen[:len(stolen)-1] + "x"
	require.Equal(t, http.StatusForbidden, v.get("/verify/case").Code)
	require.Equal(t, http.StatusForbidden, v.get("/verify/state").Code)
	require.Equal(t, http.StatusForbidden, v.send(form...).Code)
	v.cookies["kyc_session"] = stolen

	delete(v.cookies, "kyc_session")
	v.enter(v.link("", time.Hour))
	require.Equal(t, http.StatusForbidden, v.send(append(form, side(t, "1", "front"))...).Code, "a form of another session")
	require.Zero(t, v.stored())

	v.room.apply(kyc.LinksRevoked{At: time.Now()})
	require.Equal(t, http.StatusGone, v.get("/verify/case").Code)
}

func TestTheCookieIsTheBrowsersAlone(t *testing.T) {
	for url, secure := range map[string]bool{"https://kyc.example": true, "http://127.0.0.1:8080": false} {
		v := visit(t, waiting(person), func(c *intake.Config) { c.PublicURL = url })
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
	require.NotContains(t, v.cookies, "kyc_session")
}

func TestNewsOnlyWhenThereAreSome(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	rev := strconv.Itoa(v.room.kase.Version)
	require.Equal(t, http.StatusNoContent, v.get("/verify/state?rev="+rev).Code)
	v.room.reads("waiting_review", "", kyc.EntityReading{ID: person, IsCustomer: true, Status: "waiting_review"})
	answer := v.get("/verify/state?rev=" + rev)
	require.Equal(t, http.StatusOK, answer.Code)
	v.room.reads("completed", "Denied", kyc.EntityReading{ID: person, IsCustomer: true, Status: "completed", Outcome: "denied"})
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
