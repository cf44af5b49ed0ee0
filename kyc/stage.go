package kyc

// Stage is the stage of a case. The values are stored and searched for: they
// are spelled out and never renumbered.
type Stage string

// The stages of a case. The last four are final.
const (
	Identifying       Stage = "identifying"        // no application yet
	Processing        Stage = "processing"         // ConnectFi works, nothing is wanted
	AwaitingDocuments Stage = "awaiting_documents" // document images are wanted
	AwaitingData      Stage = "awaiting_data"      // the client must complete the customer
	InReview          Stage = "in_review"          // ConnectFi's people look at it
	Held              Stage = "held"               // something nobody here understands
	Approved          Stage = "approved"
	Denied            Stage = "denied"
	Expired           Stage = "expired"
	Withdrawn         Stage = "withdrawn"
)

// Stages lists every stage in the order a case may meet them.
var Stages = []Stage{Identifying, Processing, AwaitingDocuments, AwaitingData, InReview, Held,
	Approved, Denied, Expired, Withdrawn}

// Final reports whether nothing can change the case any more.
func (s Stage) Final() bool {
	switch s {
	case Approved, Denied, Expired, Withdrawn:
		return true
	}
	return false
}

// Polled reports whether the status is read now and then in this stage, ever
// less often, because ConnectFi may move without us and its one callback may be
// lost. While documents are wanted it is read, too, in steps of its own.
func (s Stage) Polled() bool {
	switch s {
	case Processing, InReview, AwaitingData, Held:
		return true
	}
	return false
}

// WaitingOn says who must act next.
type WaitingOn string

// Who a case may wait for.
const (
	OnConnectFi WaitingOn = "connectfi"
	OnApplicant WaitingOn = "applicant"
	OnClient    WaitingOn = "client"
	OnReviewer  WaitingOn = "reviewer"
	OnOperator  WaitingOn = "operator"
	OnNobody    WaitingOn = "nobody"
)

// WaitingOn says who must act in this stage.
func (s Stage) WaitingOn() WaitingOn {
	switch s {
	case Identifying, Processing:
		return OnConnectFi
	case AwaitingDocuments:
		return OnApplicant
	case AwaitingData:
		return OnClient
	case InReview:
		return OnReviewer
	case Held:
		return OnOperator
	}
	return OnNobody
}

// CustomerType distinguishes a person from a business.
type CustomerType string

// The customer types, known from the prefix of the customer id (D).
const (
	Individual      CustomerType = "individual" // cstap_…
	Business        CustomerType = "business"   // cstab_…
	UnknownCustomer CustomerType = "unknown"    // any other id; nothing depends on it
)

// CustomerTypeOf reads the type off the id's prefix (D). A prefix not seen yet
// is UnknownCustomer.
func CustomerTypeOf(customerID string) CustomerType {
	switch {
	case len(customerID) > 6 && customerID[:6] == "cstap_":
		return Individual
	case len(customerID) > 6 && customerID[:6] == "cstab_":
		return Business
	}
	return UnknownCustomer
}
