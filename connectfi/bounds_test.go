package connectfi_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// answering gives every call but that for a token one status and body.
func answering(t *testing.T, status int, body string) *connectfi.Client {
	return over(t, func(r *http.Request) (int, string, error) {
		if isToken(r) {
			return 200, longLived, nil
		}
		return status, body, nil
	})
}

func TestAnAnswerMayHaveOneMegabyte(t *testing.T) {
	callback := strings.TrimSpace(string(printed(t, "callback")))
	full := callback + strings.Repeat(" ", 1<<20-len(callback))
	_, err := answering(t, 200, full).Status(t.Context(), ask)
	require.NoError(t, err)
	_, err = answering(t, 200, full+" ").Status(t.Context(), ask)
	require.ErrorContains(t, err, "it is larger than 1 MiB")
}

func TestSuccessNeedsAStatusOfSuccess(t *testing.T) {
	callback := string(printed(t, "callback"))
	for status, taken := range map[int]bool{199: false, 200: true, 299: true, 300: false, 404: false} {
		_, err := answering(t, status, callback).Status(t.Context(), ask)
		if taken {
			require.NoError(t, err, "%d", status)
			continue
		}
		require.ErrorContains(t, err, "it reports success with an HTTP status that does not")
	}
}

// Whether a call may have been carried out decides whether it is made again.
func TestOnlyACodeOfItsOwnSaysThatNothingWasDone(t *testing.T) {
	for name, test := range map[string]struct {
		status   int
		code     string
		answered bool
	}{
		"a listed code":                      {400, connectfi.CodeCustomerNotFound, true},
		"a listed code, with a 5xx":          {500, connectfi.CodeCustomerNotFound, true},
		"extAkepa, with a 5xx":               {500, connectfi.CodeExtAkepa, true},
		"unauthorized, with a 5xx":           {503, connectfi.CodeUnauthorized, true},
		"an unlisted code":                   {400, "somethingNew", true},
		"an unlisted code, last before 500":  {499, "somethingNew", true},
		"an unlisted code, with a 500":       {500, "somethingNew", false},
		"an unlisted code, with another 5xx": {503, "somethingNew", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, test.status, `{"code":"`+test.code+`"}`).Status(t.Context(), ask)
			require.Equal(t, test.answered, failure(t, err).Answered())
		})
	}
}

// What a list refuses tells the caller what to ask for instead: a smaller page, another time, or neither.
func TestWhatAListRefuses(t *testing.T) {
	for code, test := range map[string]struct{ many, time bool }{
		connectfi.CodeGreaterNumberOfRecords:        {many: true},
		connectfi.CodeGreaterMaximumNumberOfRecords: {many: true},
		connectfi.CodeBadTimeFrameRequest:           {time: true},
		connectfi.CodeInvalidDateRange:              {time: true},
		connectfi.CodeCustomerNotFound:              {},
		"somethingNew":                              {},
	} {
		t.Run(code, func(t *testing.T) {
			_, err := answering(t, 400, `{"code":"`+code+`"}`).List(t.Context(), connectfi.ListRequest{CustomerID: "c"})
			require.Equal(t, test.many, failure(t, err).TooManyRecords())
			require.Equal(t, test.time, failure(t, err).BadTimeFrame())
		})
	}
}

// One attempt a call: a second one only with a fresh token, whether the code asks for it or the status alone.
func TestWhatIsSentOnceMore(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		sent   int
	}{
		"unauthorized":                {401, `{"code":"unauthorized"}`, 2},
		"the code alone":              {400, `{"code":"unauthorized"}`, 2},
		"the status alone":            {401, `<html>`, 2},
		"the status, another code":    {401, `{"code":"somethingNew"}`, 2},
		"another refusal":             {400, `{"code":"extAkepa"}`, 1},
		"no answer of ConnectFi's":    {502, `<html>`, 1},
		"success that cannot be read": {200, `{"code":"0","data":{}}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			c := over(t, func(r *http.Request) (int, string, error) {
				if isToken(r) {
					return 200, longLived, nil
				}
				sent++
				return test.status, test.body, nil
			})
			_, err := c.Status(t.Context(), ask)
			require.Error(t, err)
			require.Equal(t, test.sent, sent)
		})
	}
}

func TestAClientWaitsFifteenSecondsIfNobodySaysOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := connectfi.New(connectfi.Config{BaseURL: "http://connectfi.test", Login: "l", Password: "p",
			HTTP: &http.Client{Transport: wire(func(r *http.Request) (int, string, error) {
				<-r.Context().Done()
				return 0, "",
					r.Context().Err()
			})}})
		require.NoError(t, err)
		begun := time.Now()
		_, err = c.Status(t.Context(), ask)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 15*time.Second, time.Since(begun))
	})
}

// An image of 25 MiB arrives whole; one byte more is not sent at all.
func TestAnUploadMayHave25MiB(t *testing.T) {
	const most = 25 << 20
	var arrived int64
	c := over(t, func(r *http.Request) (int, string, error) {
		if isToken(r) {
			return 200, longLived, nil
		}
		form, err := r.MultipartReader()
		if err != nil {
			return 0, "", err
		}
		part, err := form.NextPart()
		if err != nil {
			return 0, "", err
		}
		arrived, err = io.Copy(io.Discard, part)
		return 200, `{"code":"0"}`, err
	})
	upload := func(size int64) error {
		return c.UploadDocument(t.Context(), "doc_1", "f", "image/png", io.LimitReader(zeros{}, size))
	}
	require.NoError(t, upload(most))
	require.EqualValues(t, most, arrived)
	arrived = 0
	require.ErrorContains(t, upload(most+1), "must NOT be larger than 25 MiB")
	require.Zero(t, arrived)
}

// Every documented bound, on both of its sides.
func TestBoundsOfRequests(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	identify := func(reference, customer, webhook string) connectfi.IdentificationRequest {
		return connectfi.IdentificationRequest{Reference: reference, CustomerID: customer, WebhookURL: webhook}
	}
	generate := func(name, note string) connectfi.GenerateRequest {
		return connectfi.GenerateRequest{Workflow: "PERSONAL", Name: name, Extension: "jpg", Type: "license", Note: note}
	}
	list := func(number, skip int) connectfi.ListRequest {
		return connectfi.ListRequest{CustomerID: "c", NumberOfRecords: number, SkipRecords: skip}
	}
	token := func(login, password string) connectfi.TokenRequest {
		return connectfi.TokenRequest{User: connectfi.Login{Login: login, Password: password}}
	}
	for name, test := range map[string]struct {
		request interface{ Validate() []connectfi.Problem }
		keyword string
	}{
		"a reference of 1":      {identify("r", "c", ""), ""},
		"of 32":                 {identify(long(32), "c", ""), ""},
		"of 33":                 {identify(long(33), "c", ""), "maxLength"},
		"a customer of 36":      {identify("r", long(36), ""), ""},
		"of 37":                 {identify("r", long(37), ""), "maxLength"},
		"a URL of 500":          {identify("r", "c", long(500)), ""},
		"of 501":                {identify("r", "c", long(501)), "maxLength"},
		"of 500 letters":        {identify("r", "c", strings.Repeat("ä", 500)), ""},
		"a name of 1":           {generate("n", ""), ""},
		"a name of 50":          {generate(long(50), long(500)), ""},
		"a name of 51":          {generate(long(51), ""), "maxLength"},
		"no name":               {generate("", ""), "minLength"},
		"a note of 501":         {generate("n", long(501)), "maxLength"},
		"no number of records":  {list(0, 0), ""},
		"one record":            {list(1, 0), ""},
		"less than none":        {list(-1, 0), "minimum"},
		"1000 records":          {list(1000, 0), ""},
		"1001":                  {list(1001, 0), "maximum"},
		"skips one":             {list(1, 1), ""},
		"skips less than none":  {list(1, -1), "minimum"},
		"a login of 36":         {token(long(36), long(50)), ""},
		"a login of 37":         {token(long(37), "p"), "maxLength"},
		"a password of 51":      {token("l", long(51)), "maxLength"},
		"a customer of nothing": {connectfi.CustomerRequest{CustomerReference: "r", CustomerType: "individual"}, "required"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := test.request.Validate()
			if test.keyword == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Equal(t, test.keyword, problems[0].Keyword)
		})
	}
}
