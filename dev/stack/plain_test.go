package main

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// typed is what may stand in the Temporal UI's field for a signal's input.
func typed() map[string]*commonpb.Payloads {
	json := func(text string) *commonpb.Payloads {
		return &commonpb.Payloads{Payloads: []*commonpb.Payload{
			{Metadata: map[string][]byte{converter.MetadataEncoding: []byte("json/plain")}, Data: []byte(text)}}}
	}
	other := func(encoding, data string) *commonpb.Payloads {
		return &commonpb.Payloads{Payloads: []*commonpb.Payload{
			{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: []byte(data)}}}
	}
	two := json(`{}`)
	two.Payloads = append(two.Payloads, json(`{}`).Payloads...)
	return map[string]*commonpb.Payloads{"nothing": nil, "empty": {}, "an object": json(`{}`), "an array": json(`[1,2]`),
		"a string": json(`"look"`), "a number": json(`7`),
		"null": json(`null`), "other types": json(`{"requestId":{"a":1},"applicationId":[]}`), "not JSON": json(`{`),
		"binary":      other("binary/plain", "\x00\xff"),
		"no encoding": {Payloads: []*commonpb.Payload{{Data: []byte("x")}}}, "null encoding": other("binary/null", ""),
		"an unknown encoding": other("what/ever", "x"),
		"two":                 two, "a callback": json(`{"requestId":"typed","applicationId":"iapp_x"}`)}
}

// A callback signal that an operator sends from the Temporal UI or its command
// line, in plaintext and with any input, is a hint like any other.
func TestAPlaintextSignalIsAHint(t *testing.T) {
	policy := patient()
	policy.ReadFirst, policy.ReadMax = kyc.Duration(time.Hour), kyc.Duration(time.Hour)
	faults(t, map[string]any{"drop_callbacks": 1.0})
	for name, input := range typed() {
		t.Run(name, func(t *testing.T) {
			v := begin(t, "plain"+letters(name), customers(t, "individual", "review", 1)[0], policy)
			sandbox(t, http.MethodPost, "/sandbox/applications/"+v.ApplicationID+"/status",
				map[string]string{"status": "completed", "outcome": "approved"}, nil)
			signalled(t, workflows.ID(v.Reference), workflows.SignalCallback, input)
			v = untilWithin(t, 15*time.Second, v.Reference, final)
			require.Equal(t, kyc.Approved, v.Stage)
			require.True(t, slices.Contains(whats(v), kyc.HintCallback))
			failures(t, workflows.ID(v.Reference), 0)
		})
	}
}

func signalled(t *testing.T, id, name string, input *commonpb.Payloads) {
	t.Helper()
	_, err := one.client.WorkflowService().SignalWorkflowExecution(t.Context(),
		&workflowservice.SignalWorkflowExecutionRequest{
			Namespace: embedded.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id}, SignalName: name,
			Input: input})
	require.NoError(t, err)
}

// Plaintext input to the other messages of a case and its notifier neither
// stops them nor is believed.
func TestPlaintextStopsNothing(t *testing.T) {
	receiver := newTold(t, http.StatusInternalServerError)
	beside(t, options{work: t.TempDir(), notify: receiver.URL})
	v, err := one.cases.Start(t.Context(), cases.StartOptions{Reference: "plainAll1", CustomerID: customers(t,
		"individual", "step_up", 1)[0], Notify: true, Policy: patient()})
	require.NoError(t, err)
	plain := one.join(t, encryption.Converters{})
	notifier := workflows.NotifyID(v.Reference)
	require.Eventually(t, func() bool { return receiver.heard(v.Reference, kyc.NoticeDocuments) > 0 }, 20*time.Second,
		50*time.Millisecond)
	for name, input := range typed() {
		signalled(t, notifier, workflows.SignalNotices, input)
		signalled(t, workflows.ID(v.Reference), "another", input)
		for _, message := range []string{workflows.UpdateStart, workflows.UpdateSubmit} {
			ask(t, plain, workflows.ID(v.Reference), message, map[string]any{"a": name}, true)
		}
		ask(t, plain, notifier, workflows.UpdateResend, map[string]any{"a": name}, true)
	}
	forged := kyc.Notice{ID: "evt_forged", Type: kyc.NoticeApproved, Stage: kyc.Approved}
	require.NoError(t, plain.SignalWorkflow(t.Context(), notifier, "", workflows.SignalNotices,
		workflows.Report{Notices: []kyc.Notice{forged}}))
	ask(t, plain, workflows.ID(v.Reference), workflows.UpdateRefresh, "x", false)
	ask(t, plain, workflows.ID(v.Reference), workflows.UpdateRevoke, "x", false)
	events, err := one.cases.Events(t.Context(), v.Reference)
	require.NoError(t, err)
	require.Len(t, events, 1, "nobody in plaintext notifies a receiver")
	ask(t, plain, workflows.ID(v.Reference), workflows.UpdateWithdraw, "x", false)
	ended := until(t, v.Reference, final)
	require.Equal(t, kyc.Withdrawn, ended.Stage)
	require.Equal(t, kyc.ActorTemporal, ended.Timeline[len(ended.Timeline)-1].By)
	failures(t, workflows.ID(v.Reference), 0)
	failures(t, notifier, 0)
}

// ask sends an update in plaintext and wants it refused, or answered: only a
// case whose arguments are none can take it.
func ask(t *testing.T, plain client.Client, id, name string, argument any, refused bool) {
	t.Helper()
	_, err := plain.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: id, UpdateName: name,
		Args:         []any{argument},
		WaitForStage: client.WorkflowUpdateStageAccepted})
	if !refused {
		require.NoError(t, err, name)
	}
	d, err := one.client.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, d.GetWorkflowExecutionInfo().GetStatus())
}
