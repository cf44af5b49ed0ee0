package activities_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/activities"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// apply makes an application at ConnectFi that no case of ours asked for.
func (w *world) apply(customer, reference string) string {
	w.t.Helper()
	made, err := w.do.ConnectFi.Identify(w.t.Context(), connectfi.IdentificationRequest{CustomerID: customer,
		Reference: reference})
	require.NoError(w.t, err)
	return made.ApplicationID
}

// applications counts those of all references.
func (w *world) applications() (n int) {
	var all []counts
	w.send(http.MethodGet, "/sandbox/ledger", nil, &all)
	for _, c := range all {
		n += c.Applications
	}
	return n
}

// A customer may have more applications than one page of the list holds: a reference is on record wherever it stands.
func TestIdentifyFindsTheReferenceOnEveryPage(t *testing.T) {
	w := newWorld(t)
	customer := w.customer("approve")
	var ids []string
	for n := range 401 {
		ids = append(ids, w.apply(customer, fmt.Sprintf("B%d", n)))
	}
	for _, n := range []int{0, 199, 200, 399, 400} {
		known, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: fmt.Sprintf("B%d", n),
			CustomerID: customer})
		require.NoError(t, err)
		require.Equal(t, ids[n], known.ApplicationID, "the application at place %d of the list", n)
	}
	require.Equal(t, 401, w.applications(), "none was made a second time")
	made, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "B401", CustomerID: customer})
	require.NoError(t, err)
	require.NotContains(t, ids, made.ApplicationID)
	require.Equal(t, 402, w.applications())
}

// An answer that promises more and holds nothing cannot be used: it is neither "none found" nor asked about for ever in
// one attempt.
func TestIdentifyStopsAtAnEmptyPage(t *testing.T) {
	w := newWorld(t)
	b := w.between()
	b.change = func(call int, page *connectfi.ListPage) {
		page.More, page.Applications = call < 5, []connectfi.Application{}
	}
	_, err := run[kyc.Snapshot](w, w.do.Identify, activities.IdentifyRequest{Reference: "A1",
		CustomerID: w.customer("approve")})
	var refused *temporal.ApplicationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, activities.TypeNoAnswer, refused.Type())
	require.False(t, refused.NonRetryable())
	require.Equal(t, 1, b.lists)
	require.Zero(t, w.applications(), "nothing is posted")
}

// Should ConnectFi have several applications under one reference, every attempt of every worker takes the same one, in
// whatever order they are listed; and an operator can read of it.
func TestIdentifyTakesOneOfSeveralApplications(t *testing.T) {
	for name, order := range map[string]func([]connectfi.Application){
		"as made": func([]connectfi.Application) {}, "the other way round": slices.Reverse[[]connectfi.Application]} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.between().change = func(_ int, page *connectfi.ListPage) { order(page.Applications) }
			customer := w.customer("review")
			ids := []string{w.apply(customer, "A1")}
			r := activities.IdentifyRequest{Reference: "A1", CustomerID: customer}
			known, err := run[kyc.Snapshot](w, w.do.Identify, r)
			require.NoError(t, err)
			require.Equal(t, ids[0], known.ApplicationID)
			require.NotContains(t, w.said.String(), "several applications")
			w.apply(customer, "A2") // of another reference, and so no choice
			for range 3 {
				ids = append(ids, w.apply(customer, "A1"))
			}
			known, err = run[kyc.Snapshot](w, w.do.Identify, r)
			require.NoError(t, err)
			require.Equal(t, slices.Min(ids), known.ApplicationID)
			require.Equal(t, 5, w.applications(), "and makes none")
			require.Regexp(t, `level=WARN .*several applications under one reference.* reference=A1 count=4`, w.said.String())
		})
	}
}
