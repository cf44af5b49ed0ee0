package activities

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

// An answer about another case decides nothing in this one.
func TestAnAnswerAboutAnotherCaseIsNoNews(t *testing.T) {
	asked := ReadRequest{Reference: "A1", CustomerID: "cstap_1", ApplicationID: "iapp_1"}
	approved := connectfi.Application{ApplicationID: "iapp_1", CustomerID: "cstap_1", Reference: "A1", Status: "completed",
		Outcome: "Approved"}
	for name, test := range map[string]struct {
		change  func(*connectfi.Application)
		foreign bool
	}{
		"ours":                      {func(*connectfi.Application) {}, false},
		"another reference":         {func(a *connectfi.Application) { a.Reference = "A2" }, true},
		"a reference in other case": {func(a *connectfi.Application) { a.Reference = "a1" }, true},
		"another customer":          {func(a *connectfi.Application) { a.CustomerID = "cstap_2" }, true},
		"another application":       {func(a *connectfi.Application) { a.ApplicationID = "iapp_2" }, true},
		"no application":            {func(a *connectfi.Application) { a.ApplicationID = "" }, true},
		"the application alone":     {func(a *connectfi.Application) { a.Reference, a.CustomerID = "", "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			answer := approved
			test.change(&answer)
			r, err := reading(answer, asked)
			if test.foreign {
				require.ErrorIs(t, err, errForeignAnswer)
				require.Zero(t, r)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "iapp_1", r.ApplicationID)
		})
	}
	approved.Status = connectfi.Status(strings.Repeat("x", 1000))
	r, err := reading(approved, asked)
	require.NoError(t, err)
	require.Len(t, r.Status, maxValueLen, "no history keeps more of a word of ConnectFi's")
}
