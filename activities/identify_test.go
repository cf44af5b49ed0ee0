package activities_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

func (w *world) faults(set map[string]any) { w.send(http.MethodPut, "/sandbox/faults", set, nil) }

// post makes an application behind the activity's back.
func (w *world) post(customer, reference string) (id string) {
	w.t.Helper()
	client, err := connectfi.New(connectfi.Config{BaseURL: w.url, Login: "l", Password: "p"})
	require.NoError(w.t, err)
	made, err := client.Identify(w.t.Context(), connectfi.IdentificationRequest{CustomerID: customer,
		Reference: reference})
	require.NoError(w.t, err)
	return made.ApplicationID
}

func TestIdentifyTakesAnAbsentListForNone(t *testing.T) {
	w := newWorld(t)
	w.faults(map[string]any{"null_lists": 1})
	for i := range 6 { // each form that the fault has
		_, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: fmt.Sprint("A", i),
			CustomerID: w.customer("approve")})
		require.NoError(t, err)
	}
}

// A list that does not have the application yet makes the post; ConnectFi refuses it and says which one has the
// reference.
func TestIdentifyAdoptsWhatReferenceExistsNames(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("review")
	id := w.post(customer, "A1")
	w.faults(map[string]any{"late_lists": 1, "reference_exists": 1})
	found, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer,
		Settle: 40 * time.Second})
	require.NoError(t, err)
	require.Equal(t, id, found.ApplicationID)
	require.Equal(t, kyc.Status("waiting_review"), found.Status)
	require.Equal(t, 1, w.ledger().Applications)
}

// fake is a ConnectFi whose answers are given; what it was asked is kept.
func (w *world) fake(answer func(path, body string) string) (calls *[]string) {
	w.t.Helper()
	calls = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		require.NoError(w.t, err)
		if r.URL.Path == "/auth/get-token" {
			_, _ = rw.Write([]byte(`{"code":"0","data":{"token":"t","dtsExpireAt":"2999-01-01T00:00:00.000Z"}}`))
			return
		}
		*calls = append(*calls, r.URL.Path+" "+string(text))
		_, _ = rw.Write([]byte(answer(r.URL.Path, string(text))))
	}))
	w.t.Cleanup(server.Close)
	client, err := connectfi.New(connectfi.Config{BaseURL: server.URL, Login: "l", Password: "p"})
	require.NoError(w.t, err)
	w.do.ConnectFi = client
	return calls
}

// The id in a referenceExists is a hint: only the application of this reference and customer is taken, and a list that
// knows better is asked.
func TestIdentifyConfirmsWhatReferenceExistsNames(t *testing.T) {
	const none = `{"code":"0","data":{"applications":[]}}`
	const mine = `{"applicationId":"iapp_1","customerId":"c","reference":"A1","status":"running","outcome":null,` +
		`"entityApplications":[]}`
	exists := func(context string) string { return `{"code":"referenceExists","context":` + context + `}` }
	for name, c := range map[string]struct {
		context, status, list string
		want                  string // the application adopted, or the error's type
	}{
		"of this case": {`{"entityId":"iapp_1"}`, `{"code":"0","data":` + mine + `}`, none, "iapp_1"},
		"of another reference": {`{"entityId":"iapp_1"}`, `{"code":"0","data":` + strings.Replace(mine, "A1", "A2", 1) + `}`,
			none, "referenceExists"},
		"of another customer": {`{"entityId":"iapp_1"}`, `{"code":"0","data":` + strings.Replace(mine, `"c"`, `"d"`, 1) +
			`}`, none, "referenceExists"},
		"of no reference": {`{"entityId":"iapp_1"}`, `{"code":"0","data":{"applicationId":"iapp_1","status":"running"}}`,
			none, "referenceExists"},
		"no application's id": {`{"entityId":"cstap_1"}`, `{"code":"applicationNotFound"}`, none, "referenceExists"},
		"unknown, but listed": {`{"entityId":"cstap_1"}`, `{"code":"applicationNotFound"}`,
			`{"code":"0","data":{"applications":[` + mine + `]}}`, "iapp_1"},
		"nothing said, listed": {`{}`, ``, `{"code":"0","data":{"applications":[` + mine + `]}}`, "iapp_1"},
		"nothing said":         {`null`, ``, none, "referenceExists"},
		"status does not come": {`{"entityId":"iapp_1"}`, `{"code":"extAkepa"}`, none, "extAkepa"},
		"the list fails":       {`{}`, ``, `{"code":"extAkepa"}`, "extAkepa"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			lists := 0
			w.fake(func(path, _ string) string {
				switch path {
				case "/akepa/identification":
					return exists(c.context)
				case "/akepa/status":
					return c.status
				}
				if lists++; lists == 1 {
					return none
				}
				return c.list
			})
			found, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: "c"})
			if err != nil {
				require.Equal(t, c.want, applicationError(t, err).Type())
				require.Equal(t, c.want == "referenceExists", applicationError(t, err).NonRetryable())
				return
			}
			require.Equal(t, c.want, found.ApplicationID)
		})
	}
}

// A list that refuses so much is asked for less, until everything was answered.
func TestIdentifyNarrowsAList(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("review")
	for i := range 60 { // more than a page that the fault lets through
		w.post(customer, fmt.Sprint("B", i))
	}
	id := w.post(customer, "A1")
	w.faults(map[string]any{"narrow_lists": 1})
	found, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.NoError(t, err)
	require.Equal(t, id, found.ApplicationID)
}

// What stays refused is told by its code, and never taken for "none found".
func TestARefusedListIsNotNone(t *testing.T) {
	for _, code := range []string{"greaterNumberOfRecords", "greaterMaximumNumberOfRecords", "badTimeFrameRequest",
		"invalidDateRange"} {
		w := newWorld(t)
		asked := 0
		calls := w.fake(func(string, string) string {
			if asked++; asked > 100 { // so that asking without an end fails
				return `{"code":"extAkepa"}`
			}
			return `{"code":"` + code +
				`","context":{"maxNumberOfRecords":1000}}`
		})
		_, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: "c"})
		require.Equal(t, code, applicationError(t, err).Type())
		require.True(t, applicationError(t, err).NonRetryable())
		for _, call := range *calls {
			body, list := strings.CutPrefix(call, "/akepa/list ")
			require.True(t, list, "nothing is posted: %s", call)
			var r connectfi.ListRequest
			require.NoError(t, json.Unmarshal([]byte(body), &r))
			require.Positive(t, r.NumberOfRecords)
		}
		require.Greater(t, len(*calls), 8, "less and less was asked for")
		require.Less(t, len(*calls), 30)
	}
}

// No time between the first application that there can be and now is left out.
func TestANarrowedListHasNoGap(t *testing.T) {
	customer := connectfi.NewID(connectfi.PrefixIndividual, time.Now().Add(-100*24*time.Hour))
	w := newWorld(t)
	asked := 0
	calls := w.fake(func(path, body string) string {
		if asked++; path != "/akepa/list" || asked > 200 { // so that asking without an end fails
			return `{"code":"extAkepa"}`
		}
		from, to, dated := window(t, body)
		if !dated || to.Sub(from) > 31*24*time.Hour {
			return `{"code":"invalidDateRange"}`
		}
		return `{"code":"0","data":{"applications":[]}}`
	})
	_, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1", CustomerID: customer})
	require.Equal(t, "extAkepa", applicationError(t, err).Type(), "of the post, after a list that was asked to its end")
	var earliest time.Time
	for _, call := range *calls {
		body, list := strings.CutPrefix(call, "/akepa/list ")
		from, to, dated := window(t, body)
		if !list || !dated || to.Sub(from) > 31*24*time.Hour {
			continue
		}
		if earliest.IsZero() {
			require.True(t, to.After(time.Now()), "the first reaches beyond now")
		} else {
			require.Equal(t, earliest, to, "the next one begins where the last one ended")
		}
		earliest = from
	}
	require.WithinDuration(t, time.Now().Add(-101*24*time.Hour), earliest, time.Minute,
		"a day before the customer was made")
}

func window(t *testing.T, body string) (from, to time.Time, dated bool) {
	t.Helper()
	var r connectfi.ListRequest
	if json.Unmarshal([]byte(body), &r) != nil || r.DateCreateFrom == "" {
		return from, to, false
	}
	from, err := time.Parse(time.RFC3339, r.DateCreateFrom)
	require.NoError(t, err)
	to, err = time.Parse(time.RFC3339, r.DateCreateTo)
	require.NoError(t, err)
	return from, to, true
}
