// Package workflows is the replayed code: the KYC workflow, its notifier, their
// messages and names. A kyc.Case decides what comes next; the workflow is the thin
// loop that feeds it and does what it asks. Package cases is how programs start a
// case and speak to one.
package workflows
