package activities

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// event is the body for the receiver of all cases: a thin event of Standard
// Webhooks. It says what happened to which case, and nothing of a person; who
// needs more asks for the case. Not even the customer's id is in it: the
// reference is the receiver's own key. The link to the applicant's page is
// made at this moment and is the one secret in it: it belongs into the mail
// that the receiver sends, and ends with the stage or with a revocation.
func (a *Activities) event(r NotifyRequest, now time.Time) ([]byte, error) {
	type data struct {
		Reference     string           `json:"reference"`
		ApplicationID string           `json:"applicationId,omitempty"`
		Stage         kyc.Stage        `json:"stage"`
		CustomerType  kyc.CustomerType `json:"customerType"`
		Sequence      int64            `json:"sequence"`
		Link          string           `json:"link,omitempty"`
	}
	n := r.Notice
	d := data{r.Reference, n.Reading.ApplicationID, n.Stage, kyc.CustomerTypeOf(r.CustomerID), r.Sequence, ""}
	if n.ForApplicant() && now.Before(n.Until) {
		d.Link = a.ApplicantURL(r.Reference, n.Links, n.Until)
	}
	return json.Marshal(struct {
		Type      kyc.NoticeType `json:"type"`
		Timestamp time.Time      `json:"timestamp"`
		Data      data           `json:"data"`
	}{n.Type, n.At.UTC(), d})
}

// envelope is the body for the caller's own webhookUrl: what ConnectFi would
// have called it with (C), and the sequence. Its request id follows from the notice's, so that a
// repetition can be recognised by it as well. Which notices go there: kyc.Notice.Said.
func (a *Activities) envelope(r NotifyRequest, _ time.Time) ([]byte, error) {
	reading := r.Notice.Reading
	application := connectfi.Application{
		ApplicationID: reading.ApplicationID, AggregatorID: reading.AggregatorID, CustomerID: r.CustomerID,
		Reference: r.Reference,
		Status:    connectfi.Status(reading.Status), Outcome: connectfi.Outcome(reading.Outcome),
		EntityApplications: []connectfi.EntityApplication{}}
	for _, e := range reading.Entities {
		application.EntityApplications = append(application.EntityApplications, connectfi.EntityApplication{EntityID: e.ID,
			IsCustomer: e.IsCustomer, Status: connectfi.Status(e.Status), Outcome: connectfi.Outcome(e.Outcome)})
	}
	return json.Marshal(struct {
		connectfi.Envelope[connectfi.Application]
		Sequence int64 `json:"sequence"`
	}{connectfi.Envelope[connectfi.Application]{Code: connectfi.CodeOK, Data: application,
		RequestID: requestID(r.Notice.ID)}, r.Sequence})
}

// requestID is 32 hexadecimal digits, as ConnectFi's are (S).
func requestID(notice string) string {
	sum := sha256.Sum256([]byte(notice))
	return hex.EncodeToString(sum[:16])
}
