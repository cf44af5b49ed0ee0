package server_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/webhook/server"
)

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
	require.NotEmpty(t, s.Consent.Version)
	require.WithinDuration(t, time.Now(), s.Consent.At, time.Minute)
	require.Equal(t, 2, v.stored())
	for _, image := range s.Images {
		file, err := v.store.Read(t.Context(), "A1", image.Key)
		require.NoError(t, err)
		_, err = imagecheck.Check(file, imagecheck.DefaultLimits())
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	require.Contains(t, v.get("/verify/case").Body.String(), `data-news-url`,
		"it keeps asking while they are on their way")

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
	answer = v.send(append(v.licence(person)[:3], field{"draft", v.field(answer.Body.String(), "draft")},
		field{"anyway", "yes"})...)
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
	v.room.broken = cases.ErrUnavailable
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
		"a PDF": {files: []field{{"front", "%PDF-1.7 x"}, {"back", "%PDF-1.7 y"}}, says: "PDF"},
		"HEIC": {files: []field{{"front", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"},
			{"back", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"}}, says: "HEIC"},
		"nothing in it": {files: []field{{"front", ""}, {"back", ""}}, says: "empty"},
		"a page":        {files: []field{{"front", "<html><script>alert(1)</script>"}, {"back", "<html>"}}, says: "not"},
		"cut short": {files: []field{{"front", front.value[:len(front.value)/2]}, {"back", back.value[:20]}},
			says: "damaged"},
		"also a script": {files: []field{{"front", front.value + "<?php evil();"},
			{"back", back.value + "<script>evil()</script>"}}, says: "hidden in it"},
		"a bomb": {files: []field{{"front", bomb(front.value)}, {"back", bomb(back.value)}},
			says: "million pixels"},
		"no files at all":   {says: "photo"},
		"no consent":        {files: []field{front, back}, change: without("consent")},
		"a strange type":    {files: []field{front, back}, change: instead("type", "w2")},
		"no type":           {files: []field{front, back}, change: without("type")},
		"an entity of none": {files: []field{front, back}, change: instead("entity", other), status: http.StatusConflict},
		"no token":          {files: []field{front, back}, change: without("csrf"), status: http.StatusForbidden},
		"a forged token":    {files: []field{front, back}, change: instead("csrf", "AAAA"), status: http.StatusForbidden},
		"token after files": {files: []field{front, back}, change: func(f []field) []field {
			return append(f[1:], front,
				f[0])
		}, status: http.StatusForbidden},
		"too many parts": {files: []field{front, back}, change: many, status: http.StatusForbidden},
		"a draft of ours, forged": {files: []field{front}, change: func(f []field) []field {
			return append(f,
				field{"draft", "AQAAAA"})
		},
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

// bomb claims to be of 30,000 by 30,000 pixels.
func bomb(picture string) string {
	b := []byte(picture)
	binary.BigEndian.PutUint32(b[16:], 30_000)
	binary.BigEndian.PutUint32(b[20:], 30_000)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return string(b)
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
	v := visit(t, waiting(person), func(c *server.Config) {
		c.Limits = imagecheck.Limits{MaxBytes: 100_000, MaxPixels: 60_000_000, MinEdge: 300, MaxEdge: 12000}
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
		v.licence(person)[0].value+"\r\n--b\r\nContent-Disposition: form-data; name=\"front\"; filename=\"x.jpg\"\r\n\r\n"+
		front[:500]),
		broken{})
	answer := v.request(http.MethodPost, "/verify/case", "multipart/form-data; boundary=b", body)
	require.Equal(t, http.StatusRequestTimeout, answer.Code, "it is neither sent nor forbidden")
	require.Zero(t, v.stored())
	require.Empty(t, v.room.taken)
}

// A store that takes the front and not the back, as a full one does, and later both.
func TestAnUploadThatFailsLeavesNothing(t *testing.T) {
	v := visit(t, waiting(person))
	v.store = images(t, docstore.WithMaxBytes(200_000))
	v.testServer = newServer(t, &desk{}, func(c *server.Config) {
		display(c, v.room)
		c.Documents = v.store
	})
	v.enter(v.link("", time.Hour))

	// The draft of a first form names a front. Later forms replace it, and fail.
	first := v.send(append(v.licence(person), side(t, "1", "front"))...)
	draft := field{"draft", v.field(first.Body.String(), "draft")}
	require.Equal(t, 1, v.stored())
	for range 3 {
		answer := v.send(append(v.licence(person), draft, side(t, "2", "front"), field{"back", grain(t)})...)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Equal(t, 1, v.stored(), "what this form brought is gone, and what the draft names is there")
	}
	require.Equal(t, http.StatusSeeOther, v.send(append(v.licence(person), draft, side(t, "1", "back"))...).Code)
	require.Len(t, v.room.taken, 1)
	for _, image := range v.room.taken[0].Images {
		file, err := v.store.Read(t.Context(), "A1", image.Key)
		require.NoError(t, err, "the case was given what is there")
		require.NoError(t, file.Close())
	}
}

// grain is a picture of nothing, which has some 500 KB however it is kept.
func grain(t *testing.T) string {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 900, 600))
	chance := rand.NewChaCha8([32]byte{})
	_, err := chance.Read(picture.Pix)
	require.NoError(t, err)
	for i := 3; i < len(picture.Pix); i += 4 {
		picture.Pix[i] = 255
	}
	var out strings.Builder
	require.NoError(t, jpeg.Encode(&out, picture, &jpeg.Options{Quality: 90}))
	return out.String()
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// Whoever sends one image after the other, and never a whole form, fills no bucket.
func TestACaseTakesSoManyImages(t *testing.T) {
	v := visit(t, waiting(person))
	v.store = images(t, docstore.WithMaxImages(2))
	v.testServer = newServer(t, &desk{}, func(c *server.Config) {
		display(c, v.room)
		c.Documents = v.store
	})
	v.enter(v.link("", time.Hour))
	require.Equal(t, http.StatusUnprocessableEntity, v.send(append(v.licence(person), side(t, "1", "front"))...).Code)
	for range 2 { // there is room for one of these two, which does not stay without the other
		answer := v.send(append(v.licence(person), side(t, "2", "front"), side(t, "2", "back"))...)
		require.Equal(t, http.StatusTooManyRequests, answer.Code)
		require.Equal(t, 1, v.stored())
	}
	require.Equal(t, http.StatusUnprocessableEntity, v.send(append(v.licence(person), side(t, "1", "front"))...).Code)
	answer := v.send(append(v.licence(person), side(t, "1", "front"))...)
	require.Equal(t, http.StatusTooManyRequests, answer.Code)
	require.Equal(t, "3600", answer.Header().Get("Retry-After"))
	require.Equal(t, 2, v.stored())
	require.Contains(t, v.log.String(), `"msg":"image limit of the case reached","reference":"A1"`)
}

func TestAFloodIsSlowedDown(t *testing.T) {
	v := visit(t, waiting(person), func(c *server.Config) { c.UploadBurst, c.UploadEvery = 3, time.Hour })
	v.enter(v.link("", time.Hour))
	form := v.licence(person)
	for range 3 {
		require.Equal(t, http.StatusUnprocessableEntity, v.send(form...).Code)
	}
	answer := v.send(form...)
	require.Equal(t, http.StatusTooManyRequests, answer.Code)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
}
