package cli

import (
	"strings"

	"durablekyc.example/kyc"
)

// heldStep is what an operator does about a case that is held. The table of held
// reasons in docs/operations.md has the same commands; a test holds the two
// together.
type heldStep struct {
	ground string
	code   string // of a refusal; empty is any other
	next   string // REF is the reference, CUSTOMER the customer, ANOTHER a new reference
}

// anotherStart is a new check: a reference that ConnectFi refused stays used up.
const anotherStart = "starter start --customer CUSTOMER --reference ANOTHER"

var heldSteps = []heldStep{
	{kyc.GroundStatus, "", "starter watch REF"}, // the case reads on by itself
	{kyc.GroundOutcome, "", "starter watch REF"},
	{kyc.GroundContradiction, "", "starter watch REF"},
	{kyc.GroundRefused, "customerNotFound", anotherStart + ", or starter refresh REF"},
	{kyc.GroundRefused, "applicationNotFound", "starter withdraw REF, and then " + anotherStart},
	{kyc.GroundRefused, "", "starter refresh REF"},
}

// heldCommand is the next command for a held case, after what the table says.
func heldCommand(v kyc.View) string {
	code := ""
	if v.Refusal != nil {
		code = v.Refusal.Code
	}
	for _, step := range heldSteps {
		if step.ground == v.Ground && (step.code == "" || step.code == code) {
			return strings.NewReplacer("REF", v.Reference, "CUSTOMER", v.CustomerID).Replace(step.next)
		}
	}
	return "starter refresh " + v.Reference
}
