package server_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/content"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/server"
)

// contract is the description, read once.
var contract = sync.OnceValues(func() (validator.Validator, []error) {
	document, err := libopenapi.NewDocument(server.Description)
	if err != nil {
		return nil, []error{err}
	}
	return validator.NewValidator(document, config.WithBodyDecoder("multipart/form-data", content.DecoderFunc(forms)),
		config.WithRejectUndeclaredRequestBody(), config.WithFormatAssertions())
})

func TestTheDescriptionIsOpenAPI(t *testing.T) {
	v, errs := contract()
	require.Empty(t, errs)
	valid, problems := v.ValidateDocument()
	require.True(t, valid, "%v", problems)
}

// A route that is not described, or described and not there, is a fault.
func TestEveryRouteIsDescribed(t *testing.T) {
	document, err := libopenapi.NewDocument(server.Description)
	require.NoError(t, err)
	model, err := document.BuildV3Model()
	require.NoError(t, err)
	var described []string
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().FromOldest() {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	var there []string
	for _, route := range routesOf(newBackend(t).testServer) {
		if route.Method == http.MethodHead {
			continue // it answers as GET does: TestHEADAnswersWhereverGETDoes
		}
		steps := strings.Split(route.Path, "/")
		for i, step := range steps {
			if name, variable := strings.CutPrefix(step, ":"); variable {
				steps[i] = "{" + name + "}"
			}
		}
		there = append(there, route.Method+" "+strings.Join(steps, "/"))
	}
	slices.Sort(described)
	slices.Sort(there)
	require.Equal(t, there, described)
}

// ask has a handler serve a request, and holds both sides against the
// description: every answer, and every request that was accepted. One that is
// refused need not fit. It may be called from any goroutine, so it never ends a
// test.
func ask(t testing.TB, handler http.Handler, request *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	var read bytes.Buffer // what the service has read, however much that was
	request.Body = io.NopCloser(io.TeeReader(request.Body, &read))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	request.Body = io.NopCloser(&read)
	conforms(t, request, answer)
	return answer
}

// conforms holds an answer, and an accepted request, against the description.
// Addresses that are not in it are answered with a problem, whatever they are.
func conforms(t testing.TB, request *http.Request, answer *httptest.ResponseRecorder) {
	t.Helper()
	v, errs := contract()
	assert.Empty(t, errs)
	if request.Method == http.MethodHead { // described as GET, and recorded with its body
		as := *request
		as.Method = http.MethodGet
		request = &as
	}
	response := answer.Result()
	response.Body = io.NopCloser(bytes.NewReader(answer.Body.Bytes()))
	if valid, problems := v.ValidateHttpResponse(request, response); !valid {
		for _, p := range problems {
			if p.IsPathMissingError() && strings.HasPrefix(request.URL.Path, "/verify/link/") {
				return // a link with a slash in it, by a mail program
			}
			if p.IsPathMissingError() || p.IsOperationMissingError() {
				assert.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusTooManyRequests}, answer.Code,
					request.URL.Path)
				continue
			}
			assert.Fail(t, "not as described", "%s %s → %d: %s: %s %v\n%s", request.Method, request.URL.Path, answer.Code,
				p.Message, p.Reason, p.SchemaValidationErrors, answer.Body)
		}
	}
	if answer.Code >= http.StatusBadRequest {
		return
	}
	// A body without a Content-Type is read as JSON, which the description says
	// in words: OpenAPI knows no media type that means "none".
	if request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	// A cookie's name that ends in an id is not one that OpenAPI can describe: it says ID.
	for _, cookie := range request.Cookies() {
		if strings.HasPrefix(cookie.Name, "kyc_session_") {
			request.AddCookie(&http.Cookie{Name: "kyc_session_ID", Value: cookie.Value})
			break
		}
	}
	if valid, problems := v.ValidateHttpRequestSync(request); !valid {
		for _, p := range problems {
			assert.Fail(t, "accepted, but described otherwise", "%s %s → %d: %s: %s %v", request.Method, request.URL.Path,
				answer.Code,
				p.Message, p.Reason, p.SchemaValidationErrors)
		}
	}
}

// forms reads a multipart form as an object of strings, which the library does
// for no binary file: a file counts as its name, so that a field that is not
// described, or is missing, is seen. What no schema can say is the order of the
// fields and what is in an image: the tests of uploads and of the gate do.
func forms(in *content.DecodeInput) (any, error) {
	fields := map[string]any{}
	parts := multipart.NewReader(in.Body, in.Parameters["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, err
		}
		if fields[part.FormName()] = part.FileName(); part.FileName() == "" {
			text, err := io.ReadAll(part)
			if err != nil {
				return nil, err
			}
			fields[part.FormName()] = string(text)
		}
	}
}
