package encryption_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	flow "go.temporal.io/sdk/workflow"

	"durablekyc.example/internal/encryption"
)

// In workflow code, who asks for a raw value gets what was sealed, opened, and
// what was never sealed, marked; what no key opens waits for its key.
func TestARawValueMayBePlaintext(t *testing.T) {
	k, _ := drawn(t)
	other, _ := drawn(t)
	inWorkflow := func(k encryption.Keyset) converter.DataConverter {
		d := k.WorkerConverters().Data.(converter.DataConverterWithSerializationContext).WithSerializationContext(
			converter.WorkflowSerializationContext{WorkflowID: workflow})
		return d.(flow.ContextAware).WithWorkflowContext(nil)
	}
	read := func(payloads ...*commonpb.Payload) (raw converter.RawValue) {
		require.NoError(t, inWorkflow(k).FromPayloads(&commonpb.Payloads{Payloads: payloads}, &raw))
		return raw
	}
	sealed := sealPayload(t, of(k, workflow), example(30))
	require.Equal(t, string(example(30).Data), string(read(sealed).Payload().Data))
	require.NotContains(t, read(sealed).Payload().Metadata, encryption.MetadataPlaintext)

	plain := example(30)
	require.Equal(t, string(plain.Data), string(read(plain).Payload().Data))
	require.Contains(t, read(plain).Payload().Metadata, encryption.MetadataPlaintext)
	require.NotContains(t, plain.Metadata, encryption.MetadataPlaintext, "what the history holds stays as it is")
	require.Contains(t, read(&commonpb.Payload{}).Payload().Metadata, encryption.MetadataPlaintext)
	require.Nil(t, read().Payload())

	require.NoError(t, inWorkflow(k).FromPayloads(&commonpb.Payloads{Payloads: []*commonpb.Payload{plain}}),
		"nobody reads it")

	foreign := &commonpb.Payloads{Payloads: []*commonpb.Payload{sealPayload(t, of(other, workflow), example(30))}}
	require.PanicsWithError(t, `cannot read a payload of "`+workflow+`": `+unopened(t, k, foreign), func() {
		var raw converter.RawValue
		_ = inWorkflow(k).FromPayloads(foreign, &raw)
	})
	require.Panics(t, func() {
		var text string
		_ = inWorkflow(k).FromPayloads(&commonpb.Payloads{Payloads: []*commonpb.Payload{plain}}, &text)
	}, "everything else in workflow code is sealed")
}

func unopened(t *testing.T, k encryption.Keyset, payloads *commonpb.Payloads) string {
	_, err := openPayload(of(k, workflow), payloads.Payloads[0])
	require.Error(t, err)
	return err.Error()
}
