package intake_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"durablekyc.example/webhook/intake"
)

// contract is the description, read once.
var contract = sync.OnceValues(func() (validator.Validator, []error) {
	document, err := libopenapi.NewDocument(intake.Description)
	if err != nil {
		return nil, []error{err}
	}
	return validator.NewValidator(document)
})

func TestTheDescriptionIsOpenAPI(t *testing.T) {
	v, errs := contract()
	require.Empty(t, errs)
	valid, problems := v.ValidateDocument()
	require.True(t, valid, "%v", problems)
}

// A route that is not described, or described and not there, is a fault.
func TestEveryRouteIsDescribed(t *testing.T) {
	document, err := libopenapi.NewDocument(intake.Description)
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
	for _, route := range newBackend(t).Public().(*gin.Engine).Routes() {
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

// conforms holds an answer against the description. Addresses that are not in
// it are answered with a problem, whatever they are. It may be called from any
// goroutine, so it never ends a test.
func conforms(t testing.TB, request *http.Request, answer *httptest.ResponseRecorder) {
	t.Helper()
	v, errs := contract()
	assert.Empty(t, errs)
	response := answer.Result()
	response.Body = io.NopCloser(bytes.NewReader(answer.Body.Bytes()))
	if valid, problems := v.ValidateHttpResponse(request, response); !valid {
		for _, p := range problems {
			if p.IsPathMissingError() || p.IsOperationMissingError() {
				assert.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusTooManyRequests}, answer.Code, request.URL.Path)
				continue
			}
			assert.Fail(t, "not as described", "%s %s → %d: %s: %s %v\n%s", request.Method, request.URL.Path, answer.Code,
				p.Message, p.Reason, p.SchemaValidationErrors, answer.Body)
		}
	}
}
