package activities

import (
	"fmt"
	"strings"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// maxValueLen bounds a word of ConnectFi's that a history keeps. Every documented
// word is shorter than 40 characters; a longer one is still an unlisted value.
const maxValueLen = 64

// reading is the only bridge from ConnectFi's words to a case's. An answer
// about something else than was asked is a fault of the far side, never news.
func reading(a connectfi.Application, asked ReadRequest) (kyc.Snapshot, error) {
	switch {
	case a.Reference != "" && a.Reference != asked.Reference,
		a.CustomerID != "" && a.CustomerID != asked.CustomerID,
		asked.ApplicationID != "" && a.ApplicationID != asked.ApplicationID:
		return kyc.Snapshot{}, errForeignAnswer
	}
	r := kyc.Snapshot{ApplicationID: a.ApplicationID, AggregatorID: truncate(a.AggregatorID),
		Status: kyc.Status(truncate(a.Status)), Outcome: kyc.Outcome(truncate(a.Outcome)),
		RequestID: a.Answer.RequestID, SHA256: a.Answer.SHA256}
	for _, e := range a.EntityApplications {
		r.Entities = append(r.Entities, kyc.EntitySnapshot{ID: truncate(e.EntityID), IsCustomer: e.IsCustomer,
			Status: kyc.Status(truncate(e.Status)), Outcome: kyc.Outcome(truncate(e.Outcome))})
	}
	return r, nil
}

// truncate cuts no character in two: half of one would be another in the history,
// and a watch that finds the status changed asks again at once, and for ever.
func truncate[S ~string](s S) string {
	return strings.ToValidUTF8(string(s[:min(len(s), maxValueLen)]), "")
}

// generateRequest describes one image to ConnectFi (C). Which workflow an
// entity's documents belong to is assumed: BUSINESS for the business itself,
// PERSONAL for every person (A).
func generateRequest(s SubmitRequest, image kyc.Image) connectfi.GenerateRequest {
	belongs := "PERSONAL"
	if s.Submission.Entity == s.CustomerID && kyc.CustomerTypeOf(s.CustomerID) == kyc.Business {
		belongs = "BUSINESS"
	}
	return connectfi.GenerateRequest{Workflow: belongs, Name: fmt.Sprintf("%s %s", s.Submission.Type, image.Side),
		Extension: image.Extension, Type: string(s.Submission.Type)}
}

func contentType(extension string) string {
	if extension == "jpg" {
		return "image/jpeg"
	}
	return "image/png"
}
