package cli

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// What follows "next:" is what the runbook says of that reason.
func TestTheNextStepOfAHeldCaseIsTheRunbooks(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]*) \\| [^|]+ \\| ([^|]+) \\|$").FindAllStringSubmatch(
		string(page), -1)
	require.Greater(t, len(rows), 7)
	told := 0
	for _, row := range rows {
		codes := regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[2], -1)
		if len(codes) == 0 {
			codes = [][]string{{"", ""}}
		}
		for _, code := range codes {
			v := kyc.View{Reference: "REF", CustomerID: "CUSTOMER", Stage: kyc.Held, Ground: row[1],
				Refusal: &kyc.Refusal{Code: code[1]}}
			for _, command := range regexp.MustCompile("starter [^,]+").FindAllString(nextCommand(v), -1) {
				require.Contains(t, row[3], "`"+strings.TrimSpace(command)+"`", "%s %s", row[1], code[1])
				told++
			}
		}
	}
	require.Greater(t, told, 8)
	for _, step := range heldSteps {
		require.Contains(t, kyc.HoldReasons, step.ground)
	}
}

// A customer that ConnectFi does not know is not helped by reading again.
func TestACaseHeldForItsCustomerOffersAnotherStart(t *testing.T) {
	c := kyc.New("A1", "cstap_9", kyc.DefaultPolicy(), time.Now())
	c.Apply(kyc.RequestRejected{At: time.Now(), Step: kyc.StepIdentification, Code: "customerNotFound"})
	require.Equal(t, "starter start --customer cstap_9 --reference ANOTHER", nextCommand(c.View()))
	c = kyc.New("A1", "cstap_9", kyc.DefaultPolicy(), time.Now())
	c.Apply(kyc.StatusReceived{At: time.Now(), Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: "pending_action"}})
	require.Equal(t, "starter watch A1", nextCommand(c.View()))
}

// A list says after its table what to do, once for each command; a row has its own
// in JSON. What waits for others than those at this terminal has none.
func TestAListNamesTheNextSteps(t *testing.T) {
	rows := []row{{Reference: "A1", Stage: kyc.AwaitingDocuments}, {Reference: "A2", Stage: kyc.InReview},
		{Reference: "A3", Stage: kyc.Held},
		{Reference: "A4", Stage: kyc.AwaitingDocuments}, {Reference: "A5", Stage: kyc.AwaitingData}, {Reference: "A6",
			Stage: kyc.Held, Run: "terminated", Broken: true},
		{Reference: "A7", Stage: kyc.InReview, Run: "paused"}, {Reference: "A8", Stage: kyc.InReview, Stuck: "panic"},
		{Reference: "A9", Stage: kyc.AwaitingDocuments},
		{Reference: "B1", Stage: kyc.Approved}, {Reference: "B2", Stage: kyc.Processing}, {Reference: "B3", Stage: kyc.Held}}
	for i := range rows {
		rows[i].Next = rows[i].next(rows[i].Reference)
	}
	var out bytes.Buffer
	require.NoError(t, paper(&out).rows(rows))
	_, told, _ := strings.Cut(out.String(), "\n\n")
	require.Equal(t, `next: starter link A1, or starter upload A1 --front FILE --back FILE (likewise for 2 others)
next: starter show A3, which has the reason and the next step (likewise for 1 other)
next: correct e-mail, addresses or phones with ConnectFi's POST /customer/update, or have PayGears correct other data; then starter refresh A5
next: temporal workflow unpause --workflow-id kyc-A7
next: starter replay A8, then look for the panic in the worker's log
`, told)
	for _, r := range rows { // the same as show says, where show says one
		v := kyc.View{Reference: r.Reference, Stage: r.Stage, Entities: []kyc.EntityView{{Status: "pending_step_up"}}}
		if r.Stage == kyc.AwaitingDocuments || r.Stage == kyc.AwaitingData {
			require.Equal(t, nextCommand(v), r.Next)
		}
	}
	out.Reset()
	require.NoError(t, paper(&out).rows(rows[1:2]))
	require.NotContains(t, out.String(), "next")
}

// A case is told with the address of its page in the Temporal UI, if there is one.
func TestACaseIsToldWithItsPage(t *testing.T) {
	var out bytes.Buffer
	p := paper(&out)
	p.details = func(reference string) string { return "https://ui.example/" + reference }
	require.NoError(t, p.view(business("pending_step_up")))
	require.Contains(t, out.String(), "\n\ndetails: https://ui.example/B1\nnext: starter link B1, ")
	out.Reset()
	require.NoError(t, p.view(kyc.View{Reference: "A1", Stage: kyc.Approved}))
	require.True(t, strings.HasSuffix(out.String(), "\n\ndetails: https://ui.example/A1\n"), out.String())
	out.Reset()
	p.details = func(string) string { return "" }
	require.NoError(t, p.view(kyc.View{Reference: "A1", Stage: kyc.Approved}))
	require.NotContains(t, out.String(), "details")
}
