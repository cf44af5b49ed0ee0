package encryption_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"durablekyc.example/internal/encryption"
)

// Payloads and failures of a Nexus service are plaintext, since the other end has another keyset, but for the one
// service of which this keyset is at both ends. A workflow's result is plaintext where it is marked so alone.
func TestWhatCrossesANexusEndpoint(t *testing.T) {
	k, _ := drawn(t)
	all := k.WorkerConverters()
	through := func(service string) (converter.DataConverter, converter.FailureConverter) {
		in := converter.NexusSerializationContext{Endpoint: "kyc", Service: service, Operation: "check"}
		return converter.WithDataConverterSerializationContext(all.Data, in),
			converter.WithFailureConverterSerializationContext(all.Failures, in)
	}
	encoding := func(p *commonpb.Payload) string { return string(p.GetMetadata()["encoding"]) }
	public, publicFailures := through("kyc")
	internal, internalFailures := through(encryption.EncryptedNexusService)

	var back string
	p, err := public.ToPayload("approved")
	require.NoError(t, err)
	require.Equal(t, "json/plain", encoding(p))
	require.NoError(t, public.FromPayload(p, &back))
	require.Equal(t, "approved", back)
	require.ErrorIs(t, internal.FromPayload(p, &back), encryption.ErrClear, "a caller without the keyset")

	p, err = internal.ToPayload("approved")
	require.NoError(t, err)
	require.Equal(t, "binary/encrypted", encoding(p))
	require.NoError(t, internal.FromPayload(p, &back))

	failed := temporal.NewApplicationError("why", "Kind", "detail")
	require.Equal(t, "why", publicFailures.ErrorToFailure(failed).GetMessage())
	require.NotContains(t, internalFailures.ErrorToFailure(errors.New("why")).String(), "why")

	plain, err := converter.GetDefaultDataConverter().ToPayload("approved")
	require.NoError(t, err)
	result := func(marked bool) *commonpb.Payload {
		value := &commonpb.Payload{Data: plain.Data, Metadata: map[string][]byte{"encoding": plain.Metadata["encoding"]}}
		if marked {
			value.Metadata[encryption.MetadataPlaintext] = []byte("true")
		}
		of := converter.WithDataConverterSerializationContext(all.Data,
			converter.WorkflowSerializationContext{WorkflowID: workflow})
		stored, err := of.ToPayloads(converter.NewRawValue(value))
		require.NoError(t, err)
		return stored.GetPayloads()[0]
	}
	require.Equal(t, "binary/encrypted", encoding(result(false)))
	require.Equal(t, plain.String(), result(true).String())
}
