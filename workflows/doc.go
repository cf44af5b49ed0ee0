// Package workflows is how a case lives: the KYC workflow, its messages and
// its names. A kyc.Case decides what comes next; the workflow is the thin loop
// that feeds it and does what it asks. start.go alone says how a case is
// started, client.go is how everybody else speaks to one.
package workflows
