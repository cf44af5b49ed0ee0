package cli

import (
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
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]*) \\| [^|]+ \\| ([^|]+) \\|$").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(rows), 7)
	told := 0
	for _, row := range rows {
		codes := regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[2], -1)
		if len(codes) == 0 {
			codes = [][]string{{"", ""}}
		}
		for _, code := range codes {
			v := kyc.View{Reference: "REF", CustomerID: "CUSTOMER", Stage: kyc.Held, Ground: row[1], Refusal: &kyc.Refusal{Code: code[1]}}
			for _, command := range regexp.MustCompile("starter [^,]+").FindAllString(nextCommand(v), -1) {
				require.Contains(t, row[3], "`"+strings.TrimSpace(command)+"`", "%s %s", row[1], code[1])
				told++
			}
		}
	}
	require.Greater(t, told, 8)
	for _, step := range heldSteps {
		require.Contains(t, kyc.Grounds, step.ground)
	}
}

// A customer that ConnectFi does not know is not helped by reading again.
func TestACaseHeldForItsCustomerOffersAnotherStart(t *testing.T) {
	c := kyc.New("A1", "cstap_9", kyc.DefaultPolicy(), time.Now())
	c.Apply(kyc.Refused{At: time.Now(), Step: kyc.StepIdentification, Code: "customerNotFound"})
	require.Equal(t, "starter start --customer cstap_9 --reference ANOTHER, or starter refresh A1", nextCommand(c.View()))
	c = kyc.New("A1", "cstap_9", kyc.DefaultPolicy(), time.Now())
	c.Apply(kyc.Answered{At: time.Now(), Reading: kyc.Reading{ApplicationID: "iapp_1", Status: "pending_action"}})
	require.Equal(t, "starter watch A1", nextCommand(c.View()))
}
