package server_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"html"
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

func TestAnApplicantSendsALicense(t *testing.T) {
	v := visit(t, waiting(person))
	page := v.enter(v.link("", time.Hour))
	require.NotContains(t, page, person+"<", "no id is shown")

	v.prepares(person, "license", license(t, "1")...)
	shown := html.UnescapeString(v.follows(v.home).Body.String())
	review := v.step(person, "review", field{"type", "license"}, field{"consent", "yes"})
	answer := v.send(review...)
	require.Equal(t, http.StatusSeeOther, answer.Code, "%s", answer.Body)
	require.Equal(t, v.home, answer.Header().Get("Location"))
	require.Len(t, v.room.taken, 1)
	s := v.room.taken[0]
	require.NoError(t, s.Validate())
	require.Equal(t, person, s.Entity)
	require.Len(t, s.Consent.Text, 64)
	require.Equal(t, "en", s.Consent.Language)
	require.NotEmpty(t, s.Consent.Version)
	require.WithinDuration(t, time.Now(), s.Consent.At, time.Minute)
	require.Equal(t, "en", s.Consent.Notice.Language)
	for sum, words := range map[string]string{s.Consent.Text: "I agree that my photos",
		s.Consent.Notice.Text: "Federal law requires all financial institutions"} {
		text, kept, err := v.store.Text(t.Context(), sum)
		require.NoError(t, err)
		require.True(t, kept, "a record has the text, not only its digest")
		require.Contains(t, text, words)
		require.Contains(t, shown, text, "it is what the page showed")
	}
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
	again := v.send(review...)
	require.Equal(t, http.StatusConflict, again.Code)
	require.Len(t, v.room.taken, 1)
	require.NotContains(t, v.log.String(), "Marker-Name")
}

// A step that is refused leaves what the others brought, and a photo again takes
// the place of the one before.
func TestOneSideAtATime(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	v.prepares(person, "license", side(t, "1", "front"))
	require.Equal(t, 1, v.stored())

	answer := v.does(person, "back", field{"back", "\xff\xd8\xff\xe0 broken"})
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Equal(t, 1, v.stored())
	answer = v.does(person, "review", field{"consent", "yes"})
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Contains(t, answer.Body.String(), `name="step" value="back"`, "the missing side is asked for")

	require.Equal(t, http.StatusSeeOther, v.does(person, "front", side(t, "2", "front")).Code)
	require.Equal(t, 1, v.stored())
	require.Equal(t, http.StatusSeeOther, v.does(person, "back", side(t, "1", "back")).Code)
	answer = v.does(person, "review", field{"consent", "yes"})
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
	v.prepares(person, "license")
	for _, fields := range [][]field{{{"front", dark.String()}}, nil} { // and not without a word
		answer := v.does(person, "front", fields...)
		require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
		require.Contains(t, answer.Body.String(), `name="anyway"`)
	}
	answer := v.does(person, "review", field{"consent", "yes"})
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Empty(t, v.room.taken)

	require.Equal(t, http.StatusSeeOther, v.does(person, "front", field{"anyway", "yes"}).Code)
	require.Equal(t, http.StatusSeeOther, v.does(person, "back", side(t, "1", "back")).Code)
	answer = v.does(person, "review", field{"consent", "yes"})
	require.Equal(t, http.StatusSeeOther, answer.Code, "%s", answer.Body)
	require.Len(t, v.room.taken, 1)
	require.Equal(t, []string{"front dark"}, v.room.taken[0].Visit.Refused, "once")
}

// A case that goes on between the look and the submission keeps nothing it did not want.
func TestWhatTheCaseRefusesIsForgotten(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	v.room.late = true
	answer := v.submits(person, "license", license(t, "1")...)
	require.Equal(t, http.StatusConflict, answer.Code)
	require.Zero(t, v.stored())
}

// When Temporal is unavailable once the images are in, the same form again is taken.
func TestTheSameFormAgainAfterAnOutage(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	v.prepares(person, "license", license(t, "1")...)
	review := v.step(person, "review", field{"consent", "yes"})
	v.room.broken = cases.ErrUnavailable
	answer := v.send(review...)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
	v.room.broken = nil
	require.Equal(t, http.StatusSeeOther, v.send(review...).Code)
	require.Len(t, v.room.taken, 1)
}

func TestADraftIsOfOnePersonAndOneType(t *testing.T) {
	v := visit(t, waiting(business))
	v.enter(v.link("", time.Hour))
	v.prepares(agent, "license", side(t, "1", "front"))
	v.prepares(other, "license")
	answer := v.does(other, "back", side(t, "1", "back"))
	require.Contains(t, answer.Header().Get("Location"), "step=front", "another person's front is none")
	answer = v.does(agent, "document", field{"type", "passport"})
	require.Contains(t, answer.Header().Get("Location"), "step=front", "a license is no passport")
	answer = v.does(agent, "document", field{"type", "license"})
	require.Contains(t, answer.Header().Get("Location"), "step=back", "and its photo is still there")
	require.Empty(t, v.room.taken)
}

func TestEachRepresentativeHasAnOwnLink(t *testing.T) {
	v := visit(t, waiting(business))
	page := v.enter(v.link(agent, time.Hour))
	require.Equal(t, 1, strings.Count(page, `type="hidden" name="entity"`))
	require.NotContains(t, page, other)
	for _, step := range [][]field{v.step(other, "document", field{"type", "license"}),
		v.step(other, "front", field{"type", "license"}, side(t, "1", "front"))} {
		require.Equal(t, http.StatusConflict, v.send(step...).Code)
	}
	require.Zero(t, v.stored())
	answer := v.submits(agent, "license", license(t, "1")...)
	require.Equal(t, http.StatusSeeOther, answer.Code)
}

// Every hostile upload is refused with a reason and leaves no trace.
func TestHostileUploads(t *testing.T) {
	front := side(t, "1", "front")
	for name, test := range map[string]struct {
		file   string
		change func(form []field) []field
		status int
		says   string
	}{
		"a PDF":             {file: "%PDF-1.7 x", says: "PDF"},
		"HEIC":              {file: "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", says: "HEIC"},
		"nothing in it":     {file: "", says: "empty"},
		"a page":            {file: "<html><script>alert(1)</script>", says: "not"},
		"cut short":         {file: front.value[:len(front.value)/2], says: "damaged"},
		"cut very short":    {file: front.value[:20], says: "damaged"},
		"also a program":    {file: front.value + "<?php evil();", says: "contains something else"},
		"also a script":     {file: front.value + "<script>evil()</script>", says: "contains something else"},
		"a bomb":            {file: bomb(front.value), says: "million pixels"},
		"no file at all":    {change: func(f []field) []field { return f[:len(f)-1] }, says: "photo"},
		"a strange type":    {file: front.value, change: instead("type", "w2")},
		"an entity of none": {file: front.value, change: instead("entity", other), status: http.StatusConflict},
		"no token":          {file: front.value, change: without("csrf"), status: http.StatusForbidden},
		"no step":           {file: front.value, change: without("step"), status: http.StatusForbidden},
		"a strange step":    {file: front.value, change: instead("step", "side"), status: http.StatusForbidden},
		"another step":      {file: front.value, change: instead("step", "document"), status: http.StatusSeeOther},
		"a forged token":    {file: front.value, change: instead("csrf", "AAAA"), status: http.StatusForbidden},
		"token after files": {file: front.value, change: func(f []field) []field { return append(f[1:], f[0]) },
			status: http.StatusForbidden},
		"too many parts": {file: front.value, change: many, status: http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, waiting(person))
			v.enter(v.link("", time.Hour))
			form := v.step(person, "front", field{"type", "license"}, field{"front", test.file})
			if test.change != nil {
				form = test.change(form)
			}
			answer := v.send(form...)
			if test.status == 0 {
				test.status = http.StatusUnprocessableEntity
			}
			require.Equal(t, test.status, answer.Code, "%s", answer.Body)
			require.Contains(t, answer.Body.String(), test.says)
			require.Empty(t, v.room.taken)
			require.Zero(t, v.stored())
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
	v.prepares(person, "license", front)
	answer := v.does(person, "back", field{"back", front.value})
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Contains(t, answer.Body.String(), "same")
	require.Empty(t, v.room.taken)
}

func TestAnythingTooLargeIsNotRead(t *testing.T) {
	v := visit(t, waiting(person), func(c *server.Config) {
		c.Limits = imagecheck.Limits{MaxBytes: 100_000, MaxPixels: 60_000_000, MinEdge: 300, MaxEdge: 12000}
	})
	v.enter(v.link("", time.Hour))
	v.step(person, "front")
	body := &endless{start: []byte("--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + v.csrf +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"front\"; filename=\"x.jpg\"\r\n\r\n")}
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
	v.step(person, "front")
	body := io.MultiReader(strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n"+v.csrf+
		"\r\n--b\r\nContent-Disposition: form-data; name=\"front\"; filename=\"x.jpg\"\r\n\r\n"+front[:500]),
		broken{})
	answer := v.request(http.MethodPost, "/verify/case", "multipart/form-data; boundary=b", body)
	require.Equal(t, http.StatusRequestTimeout, answer.Code, "it is neither sent nor forbidden")
	require.Zero(t, v.stored())
	require.Empty(t, v.room.taken)
}

// A store that does not take a photo, as a full one does not, and later does.
func TestAnUploadThatFailsLeavesNothing(t *testing.T) {
	v := visit(t, waiting(person))
	v.store = images(t, docstore.WithMaxBytes(200_000))
	v.testServer = newServer(t, &desk{}, func(c *server.Config) {
		display(c, v.room)
		c.Documents = v.store
	})
	v.enter(v.link("", time.Hour))
	v.prepares(person, "license", side(t, "1", "front"))
	require.Equal(t, 1, v.stored())
	for range 3 {
		answer := v.does(person, "front", field{"front", grain(t)})
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Equal(t, 1, v.stored(), "what this form brought is gone, and what the draft names is there")
	}
	require.Equal(t, http.StatusSeeOther, v.does(person, "back", side(t, "1", "back")).Code)
	require.Equal(t, http.StatusSeeOther, v.does(person, "review", field{"consent", "yes"}).Code)
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
	v.prepares(person, "license", side(t, "1", "front"))
	for range 2 { // one at a time stays: the photo before it goes
		require.Equal(t, http.StatusSeeOther, v.does(person, "front", side(t, "2", "front")).Code)
		require.Equal(t, 1, v.stored())
	}
	require.Equal(t, http.StatusSeeOther, v.does(person, "back", side(t, "1", "back")).Code)
	answer := v.does(person, "front", side(t, "1", "front"))
	require.Equal(t, http.StatusTooManyRequests, answer.Code)
	require.Equal(t, "3600", answer.Header().Get("Retry-After"))
	require.Equal(t, 2, v.stored())
	require.Contains(t, v.log.String(), `"msg":"image limit of the case reached","reference":"A1"`)
}

func TestAFloodIsSlowedDown(t *testing.T) {
	v := visit(t, waiting(person), func(c *server.Config) { c.UploadBurst, c.UploadEvery = 3, time.Hour })
	v.enter(v.link("", time.Hour))
	form := v.step(person, "front", field{"type", "license"})
	for range 3 {
		require.Equal(t, http.StatusUnprocessableEntity, v.send(form...).Code)
	}
	answer := v.send(form...)
	require.Equal(t, http.StatusTooManyRequests, answer.Code)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
}
