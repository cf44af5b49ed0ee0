package server_test

import (
	"bytes"
	"hash/crc32"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/webhook/server"
)

// document announces and uploads one through the API.
func (b *backend) document(side string) string {
	b.t.Helper()
	status, text := b.call("/akepa/document/generate", `{"workflow":"PERSONAL","name":"`+side+
		`","extension":"png","type":"license"}`)
	require.Equal(b.t, http.StatusOK, status, text)
	id := into[connectfi.Envelope[connectfi.Document]](b.t, text).Data.ID
	picture, err := imagecheck.Specimen("1", side)
	require.NoError(b.t, err)
	status, text = b.upload(id, "file", picture)
	require.Equal(b.t, http.StatusOK, status, text)
	return id
}

func (b *backend) upload(id, name string, file []byte) (int, string) {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(name, "../../etc/Marker-Name.pdf")
	require.NoError(b.t, err)
	_, err = part.Write(file)
	require.NoError(b.t, err)
	require.NoError(b.t, form.Close())
	answer := b.with(http.MethodPost, "/akepa/document/upload/"+id, &body,
		map[string]string{connectfi.TokenHeader: apiToken, "Content-Type": form.FormDataContentType()})
	return answer.Code, answer.Body.String()
}

// An update that came before its upload can be made again after it.
func TestAnUpdateThatWasRefusedCanBeMadeAgain(t *testing.T) {
	b := newBackend(t)
	customer := b.customer("step_up")
	a := b.identified("A1", customer)
	_, text := b.call("/akepa/document/generate", `{"workflow":"PERSONAL","name":"a","extension":"png","type":"license"}`)
	id := into[connectfi.Envelope[connectfi.Document]](t, text).Data.ID
	update := `{"customerId":"` + customer + `","applicationId":"` + a.ApplicationID + `","entityId":"` + customer +
		`","documents":[{"documentId":"` + id + `","side":"front"}]}`
	status, text := b.call("/akepa/update", update)
	refused(t, http.StatusBadRequest, connectfi.CodeFileNotFound, status, text)
	picture, err := imagecheck.Specimen("1", "front")
	require.NoError(t, err)
	status, text = b.upload(id, "file", picture)
	require.Equal(t, http.StatusOK, status, text)
	status, text = b.call("/akepa/update", update)
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, 1, b.ledger("A1").Attachments)
	require.Equal(t, []string{"A1", "A1"}, b.office.hurried, "whoever sends documents waits for the answer")
}

// The gate: what is no picture goes nowhere, and what is one arrives without
// what else was in its file, in the kind it was announced as.
func TestUploadsAreValidated(t *testing.T) {
	picture, err := imagecheck.Specimen("1", "front")
	require.NoError(t, err)
	var got []byte
	b := newBackend(t, func(c *server.Config) {
		ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "get-token") {
				_, _ = w.Write([]byte(`{"code":"0","data":{"token":"T","dtsExpireAt":"2099-01-01T00:00:00.000Z"},"requestId":"1"}`))
				return
			}
			file, header, err := r.FormFile("file")
			if err != nil || header.Filename != "file.png" {
				t.Errorf("%v %v", err, header)
				return
			}
			var all bytes.Buffer
			_, _ = all.ReadFrom(file)
			got = all.Bytes()
			_, _ = w.Write([]byte(`{"code":"0","data":{},"requestId":"1"}`))
		}))
		t.Cleanup(ts.Close)
		c.API.ConnectFi, err = connectfi.New(connectfi.Config{BaseURL: ts.URL, Login: "l", Password: "p"})
		require.NoError(t, err)
	})
	marked := withText(picture, "Marker-Comment")
	require.Contains(t, string(marked), "Marker-Comment")
	status, text := b.upload("doc_1", "file", marked)
	require.Equal(t, http.StatusOK, status, text)
	require.True(t, bytes.HasPrefix(got, []byte("\x89PNG")), "a png stays one")
	require.NotContains(t, string(got), "Marker")
	got = nil
	for name, test := range map[string]struct {
		file string
		says string
	}{
		"a PDF":     {"%PDF-1.7 x", imagecheck.CodePDF},
		"a page":    {"<html>", imagecheck.CodeNotImage},
		"two files": {string(withText(picture, "<script>alert(1)</script>")), imagecheck.CodePolyglot},
		"cut off":   {string(picture[:len(picture)/2]), imagecheck.CodeBroken},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := b.upload("doc_1", "file", []byte(test.file))
			s := refused(t, http.StatusBadRequest, connectfi.CodeRequestValidateError, status, text)
			require.Contains(t, string(s.Context), `"params":{"refused":"`+test.says+`"}`)
		})
	}
	require.Empty(t, got, "nothing of these went on")
	require.NotContains(t, b.log.String(), "Marker")
}

// withText puts a comment into a png, behind its header.
func withText(picture []byte, text string) []byte {
	chunk := append([]byte{0, 0, 0, byte(len(text))}, "tEXt"+text...)
	sum := crc32.ChecksumIEEE(chunk[4:])
	chunk = append(chunk, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
	return append(append(append([]byte{}, picture[:33]...), chunk...), picture[33:]...)
}
