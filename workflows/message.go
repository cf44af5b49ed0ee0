package workflows

import (
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"durablekyc.example/kyc"
)

// MetadataPlaintext is on the payload of a signal that was never encrypted,
// where payloads are: the converter of workers (internal/encryption) writes it.
const MetadataPlaintext = "plaintext"

// receive takes the next signal as it came. The SDK would decode it and drop
// what does not decode, and the worker's converter stops the workflow task at
// plaintext: what an operator types into the Temporal UI is neither lost nor in
// the way. A payload whose key this worker lacks still waits for the key.
func receive(inbox workflow.ReceiveChannel) (input *commonpb.Payload, ok bool) {
	var raw converter.RawValue
	ok = inbox.ReceiveAsync(&raw)
	return raw.Payload(), ok
}

// callbackOf reads a callback. A signal in plaintext, whatever it says, is a hint
// without an id: it comes from an operator, who may well send the same again.
func callbackOf(input *commonpb.Payload) (hint Callback) {
	if decode(input, &hint) != nil {
		return Callback{actor: kyc.ActorTemporal}
	}
	if plaintext(input) {
		hint.RequestID, hint.actor = "", kyc.ActorTemporal
	}
	return hint
}

var errPlaintext = errors.New("not encrypted")

// reportOf reads what a case reports. Plaintext does not come from a case.
func reportOf(input *commonpb.Payload) (report Report, err error) {
	if plaintext(input) {
		return report, errPlaintext
	}
	if err := decode(input, &report); err != nil {
		return report, err
	}
	if len(report.Notices) == 0 {
		return report, errors.New("empty report")
	}
	return report, nil
}

func plaintext(input *commonpb.Payload) bool {
	_, marked := input.GetMetadata()[MetadataPlaintext]
	return marked
}

func decode(input *commonpb.Payload, to any) error {
	if input == nil {
		return errors.New("no input")
	}
	return converter.GetDefaultDataConverter().FromPayload(input, to)
}

// requestedBy reads who sent a Request. It is taken as it came, like a signal:
// plaintext, or none at all, comes from Temporal's tools, and is no reason to
// refuse what was asked for.
func requestedBy(r converter.RawValue) kyc.Actor {
	var request Request
	if plaintext(r.Payload()) || decode(r.Payload(), &request) != nil {
		return kyc.ActorTemporal
	}
	return request.By
}
