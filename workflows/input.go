package workflows

import "durablekyc.example/kyc"

// Input starts a case, or continues it in another run when its history has grown long.
type Input struct {
	Reference  string     `json:"reference"`
	CustomerID string     `json:"customerId"`
	SyncMode   *bool      `json:"syncMode,omitempty"`
	WebhookURL string     `json:"webhookUrl,omitempty"` // address of the caller's receiver; empty for none
	Notify     bool       `json:"notify,omitempty"`     // events also go to the receiver of all cases
	By         kyc.Actor  `json:"by,omitempty"`         // who started it
	Policy     kyc.Policy `json:"policy"`
	Carried    *State     `json:"carried,omitempty"` // continue-as-new only
}

// State is all that a case takes into its next run.
type State struct {
	Case     kyc.Case `json:"case"`
	Notifier bool     `json:"notifier,omitempty"` // a notifier was started: later notices go by signal
	Reported string   `json:"reported,omitempty"` // the id of the last notice that a notifier has
	// an earlier run was reset: there may be notices that this case does not know of
	WasReset bool `json:"wasReset,omitempty"`
}
