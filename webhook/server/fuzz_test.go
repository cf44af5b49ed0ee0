package server_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/server"
)

// atAnyPace lets a fuzzer ask as fast as it can.
func atAnyPace(c *server.Config) {
	c.PerAddress = edge.Rate{Every: time.Nanosecond, Burst: 1 << 30}
	c.PerToken, c.UploadEvery, c.UploadBurst = c.PerAddress, time.Nanosecond, 1<<30
	c.Limits = imagecheck.Limits{MaxBytes: ofImage, MaxPixels: 10_000, MinEdge: 16, MaxEdge: 400}
	c.BodyTimeout = time.Minute
}

// stamp is a small picture that passes a small gate.
func stamp(t testing.TB, tint byte) string {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			picture.SetNRGBA(x, y, color.NRGBA{R: byte(x*5) ^ tint, G: byte(y * 8), B: byte(x*y) ^ tint, A: 255})
		}
	}
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, picture))
	require.Less(t, file.Len(), ofImage)
	return file.String()
}

// parts is a form whose parts are written name=value.
func parts(fields ...string) []byte {
	var body strings.Builder
	for _, part := range fields {
		name, value, _ := strings.Cut(part, "=")
		body.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + name + "\"")
		if name == "front" || name == "back" || name == "file" {
			body.WriteString("; filename=\"x\"")
		}
		body.WriteString("\r\n\r\n" + value + "\r\n")
	}
	return []byte(body.String() + "--b--\r\n")
}

// FuzzForm: whatever an applicant's browser sends, nothing breaks and nothing is
// changed by a form that is not ours. What is accepted is a whole submission of
// that applicant that was agreed to, and its images are in the store. Both sides
// of a license are there already. CSRF in a body stands for the form's own token.
func FuzzForm(f *testing.F) {
	front, back := stamp(f, 0), stamp(f, 255)
	ours := []string{"csrf=CSRF", "entity=" + person, "type=license"}
	for _, step := range [][]string{{"step=review", "consent=yes"}, {"step=review"}, {"step=document"}, {"step=next"},
		{"step=front", "front=" + front}, {"step=back", "anyway=yes", "back=" + back}, {"step=back", "back=" + back[:40]}} {
		f.Add("multipart/form-data; boundary=b", parts(append(ours, step...)...))
		f.Add("multipart/form-data; boundary=b", parts(append(ours[1:], step...)...))
	}
	f.Add("multipart/form-data; boundary=b", parts("csrf=CSRF", "entity="+person, "type=passport", "step=review",
		"consent=yes"))
	f.Add("multipart/form-data; boundary=b", parts("csrf=CSRF", "entity="+other, "type=", "step=front", "front="+front))
	f.Add("multipart/form-data; boundary=b", parts("csrf=CSRF")[:40])
	f.Add("multipart/form-data", []byte("--b"))
	f.Add("application/x-www-form-urlencoded", []byte("csrf=CSRF&entity="+person))
	v := visit(f, waiting(person), atAnyPace)
	v.enter(v.link("", time.Hour))
	csrf := v.step(person, "front")[0].value
	require.NotEmpty(f, csrf)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		v := *v
		v.t, v.testServer.t = t, t
		v.room.kycCase, v.room.taken = waiting(person).kycCase, nil
		require.NoError(t, v.store.DeleteOwner(t.Context(), "A1"))
		for _, image := range []field{{"front", front}, {"back", back}} {
			v.send(field{"csrf", csrf}, field{"entity", person}, field{"step", image.name}, field{"type", "license"},
				field{"anyway", "yes"}, image)
		}
		require.Equal(t, 2, v.stored())
		sent := &counting{Reader: strings.NewReader(strings.ReplaceAll(string(body), "CSRF", csrf))}
		answer := v.request(http.MethodPost, v.home, strings.ToValidUTF8(contentType, ""), sent)
		require.Contains(t, []int{303, 403, 409, 413, 422}, answer.Code, "%s", answer.Body)
		require.LessOrEqual(t, sent.read, 2*ofImage+ofParts+bytes.MinRead)
		if !bytes.Contains(body, []byte("CSRF")) {
			require.Equal(t, http.StatusForbidden, answer.Code)
		}
		require.Equal(t, 2, v.stored(), "a photo takes the place of the one of its side")
		accepted := answer.Code == http.StatusSeeOther && answer.Header().Get("Location") == v.home
		require.Equal(t, accepted, len(v.room.taken) == 1)
		require.False(t, accepted && !bytes.Contains(body, []byte("yes")), "nobody agreed")
		for _, s := range v.room.taken {
			require.NoError(t, s.Validate())
			require.Equal(t, person, s.Entity)
			require.NotNil(t, s.Consent)
			for _, image := range s.Images {
				file, err := v.store.Read(t.Context(), "A1", image.Key)
				require.NoError(t, err)
				require.NoError(t, file.Close())
			}
		}
	})
}

// apiRoutes are what a program may send a body to.
var apiRoutes = []string{"POST /akepa/identification", "POST /akepa/status", "POST /akepa/list",
	"POST /akepa/document/generate",
	"POST /akepa/update", "POST /auth/get-token", "POST /akepa/document/upload/:documentId"}

// FuzzAPI: whatever a program sends, ConnectFi's envelope is the answer, as
// described, and never a fault of ours; what is accepted is as described, too;
// and the same again is the same check.
func FuzzAPI(f *testing.F) {
	for _, name := range []string{"individual", "business", "example"} {
		body, err := os.ReadFile("../../connectfi/testdata/identification_" + name + "_request.json")
		require.NoError(f, err)
		f.Add(byte(0), body)
	}
	for route, body := range []string{
		`{"customerId":"c","reference":"r","webhookURL":"https://a.example","webhookUrl":null,"syncMode":true}`,
		`{"customerId":"` + person + `","applicationId":"ref_A1"}`, `{"customerId":"` + person +
			`","numberOfRecords":2,"skipRecords":0}`,
		`{"workflow":"PERSONAL","name":"n","extension":"png","type":"license","note":""}`,
		`{"applicationId":"ref_A1","customerId":"` + person + `","entityId":"` + person +
			`","documents":[{"documentId":"doc_1","side":"front"}]}`,
		`{"user":{"login":"` + apiLogin + `","password":"` + apiPassword + `"}}`, string(parts("file=" + stamp(f, 0))),
	} {
		f.Add(byte(route), []byte(body))
	}
	b := newBackend(f, atAnyPace)
	b.call("/akepa/identification", `{"customerId":"`+person+`","reference":"A1"}`)
	f.Fuzz(func(t *testing.T, route byte, body []byte) {
		b := *b
		b.t, b.testServer.t = t, t
		asked := apiRoutes[int(route)%len(apiRoutes)]
		send := func() *httptest.ResponseRecorder {
			return ask(t, b.Public(), b.asked(asked, bytes.NewReader(body)))
		}
		answer := send()
		require.Less(t, answer.Code, 500, "%s", answer.Body)
		require.Equal(t, asEnvelope, answer.Header().Get("Content-Type"))
		if answer.Code != http.StatusOK {
			s := into[said](t, answer.Body.String())
			refused(t, answer.Code, s.Code, answer.Code, answer.Body.String())
			require.NotEqual(t, connectfi.CodeOK, s.Code)
			return
		}
		if route %= byte(len(apiRoutes)); route == 0 {
			first := into[connectfi.Envelope[connectfi.Application]](t, answer.Body.String())
			second := into[connectfi.Envelope[connectfi.Application]](t, send().Body.String())
			require.Equal(t, first.Data, second.Data)
			asked, problems := connectfi.Decode[connectfi.IdentificationRequest](bytes.ReplaceAll(body, []byte("webhookURL"),
				[]byte("webhookUrl")))
			require.Empty(t, problems)
			require.Equal(t, []string{asked.Reference, asked.CustomerID}, []string{first.Data.Reference, first.Data.CustomerID})
			require.Equal(t, 1, b.ledger(first.Data.Reference).Applications)
		}
	})
}
