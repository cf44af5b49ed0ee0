package kyc_test

import (
	"fmt"
	"time"

	"durablekyc.example/kyc"
)

// A caller asks the case what it needs, does that, and tells the case what came
// of it. The workflow of package workflows is such a caller.
func ExampleCase() {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	c := kyc.New("A1", "cstap_1", kyc.DefaultPolicy(), now)
	show := func() { fmt.Printf("%s: waits for %s, next: %s\n", c.Stage, c.Stage.WaitingOn(), c.Next(now).Action) }
	answer := func(status kyc.Status, outcome kyc.Outcome) {
		need := c.Next(now)
		e := kyc.StatusReceived{At: now, Covers: need.UpToHint, Reading: kyc.Snapshot{
			ApplicationID: "iapp_1", Status: status, Outcome: outcome,
			Entities: []kyc.EntitySnapshot{{ID: "cstap_1", IsCustomer: true, Status: status, Outcome: outcome}}}}
		if need.Submission != nil {
			e.Submission = need.Submission.ID
		}
		c.Apply(e)
	}
	show()
	answer("pending_step_up", "") // ConnectFi's answer to the identification
	show()

	now = now.Add(time.Hour)
	passport := kyc.Submission{ID: "s1", Entity: "cstap_1", Type: "passport", Consent: kyc.ConsentElsewhere(),
		Images: []kyc.Image{{Key: "images/1", Side: kyc.Front, Extension: "jpg"}}}
	if err := c.CheckSubmission(passport); err != nil {
		fmt.Println(err)
		return
	}
	c.Apply(kyc.Submitted{At: now, Submission: passport})
	show()
	answer("waiting_review", "") // … to the images
	show()

	now = now.Add(48 * time.Hour)
	c.Apply(kyc.ChangeHinted{At: now, By: kyc.HintCallback, ID: "c1"})
	show()
	answer("completed", "approved") // … to the read that the callback caused
	show()
	// Output:
	// identifying: waits for connectfi, next: identify
	// awaiting_documents: waits for applicant, next: wait
	// awaiting_documents: waits for applicant, next: submit
	// in_review: waits for reviewer, next: wait
	// in_review: waits for reviewer, next: read
	// approved: waits for nobody, next: nothing
}

// A policy is JSON over the defaults. Unknown names are errors.
func ExampleParsePolicy() {
	policy, err := kyc.ParsePolicy(`{"documents": "336h", "reminders": ["72h", "168h"]}`)
	fmt.Println(time.Duration(policy.Documents), len(policy.Reminders), time.Duration(policy.Case), err)
	_, err = kyc.ParsePolicy(`{"document": "336h"}`)
	fmt.Println(err)
	// Output:
	// 336h0m0s 2 2160h0m0s <nil>
	// policy: json: unknown field "document"
}

// The same submission again is welcome; what does not fit is refused with the
// reason.
func ExampleCase_CheckSubmission() {
	c := kyc.New("A1", "cstap_1", kyc.DefaultPolicy(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	c.Apply(kyc.StatusReceived{At: c.StartedAt, Reading: kyc.Snapshot{
		ApplicationID: "iapp_1", Status: "pending_step_up",
		Entities: []kyc.EntitySnapshot{{ID: "cstap_1", IsCustomer: true, Status: "pending_step_up"}}}})
	fmt.Println(c.CheckSubmission(kyc.Submission{ID: "s1", Entity: "cstap_1", Type: "license",
		Consent: kyc.ConsentElsewhere(),
		Images:  []kyc.Image{{Key: "images/1", Side: kyc.Front, Extension: "jpg"}}}))
	fmt.Println(c.CheckSubmission(kyc.Submission{ID: "s2", Entity: "cstap_2", Type: "passport",
		Consent: kyc.ConsentElsewhere(),
		Images:  []kyc.Image{{Key: "images/2", Side: kyc.Front, Extension: "jpg"}}}))
	// Output:
	// the back of the license is missing
	// unknown entity "cstap_2"
}
