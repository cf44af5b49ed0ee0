package cli

import (
	"strings"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
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
	{kyc.HoldContradiction, "", "starter watch REF"},
	// with the right customer: docs/operations.md has the other causes
	{kyc.GroundRefused, "customerNotFound", anotherStart},
	{kyc.GroundRefused, "applicationNotFound", "starter withdraw REF, then " + anotherStart},
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

// nextCommand is the command that this operator can run for the case.
func nextCommand(v kyc.View) string {
	switch {
	case v.Stage.Final():
		return ""
	case v.Stage == kyc.AwaitingDocuments:
		wanting := 0
		entity := ""
		for _, e := range v.Entities {
			if e.Status.WantsDocuments() && !e.Sending {
				wanting++
				entity = " --entity " + e.ID
			}
		}
		switch wanting {
		case 0:
			return "starter watch " + v.Reference
		case 1:
			entity = ""
		}
		return documentsCommand(v.Reference, entity)
	case v.Stage == kyc.AwaitingData:
		return dataCommand(v.Reference)
	case v.Stage == kyc.Held:
		return heldCommand(v)
	}
	return "starter watch " + v.Reference
}

// next is the same for a row of a list, where the case waits for a person here:
// visibility knows neither the entities nor why a case is held.
func (r row) next(reference string) string {
	switch {
	case r.Broken:
		return ""
	case r.Run == string(cases.RunPaused):
		return unpause(reference)
	case r.Stuck != "":
		return cases.StuckCause(r.Stuck).WayOn(reference)
	case r.Stage == kyc.AwaitingDocuments:
		return documentsCommand(reference, "")
	case r.Stage == kyc.AwaitingData:
		return dataCommand(reference)
	case r.Stage == kyc.Held:
		return "starter show " + reference + ", which has the reason and the next step"
	}
	return ""
}

func documentsCommand(reference, entity string) string {
	return "starter link " + reference + entity + ", or starter upload " + reference + entity + " --front FILE --back FILE"
}

// dataCommand says what can be changed by API, and what cannot (C).
func dataCommand(reference string) string {
	return "correct e-mail, addresses or phones with ConnectFi's POST /customer/update, or have PayGears correct other " +
		"data; then starter refresh " + reference
}

func unpause(reference string) string {
	return "temporal workflow unpause --workflow-id " + workflows.ID(reference)
}

func unpin(reference string) string {
	return "temporal workflow update-options --workflow-id " + workflows.ID(reference) +
		" --versioning-override-behavior auto_upgrade"
}
