package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// Whatever stands in a callback signal, it is a hint: none is dropped because it
// does not decode, and what an operator typed is never a repetition.
func TestEverySignalIsAHint(t *testing.T) {
	require.Equal(t, encryption.MetadataPlaintext, workflows.MetadataPlaintext)
	typed := func(text string) converter.RawValue {
		return converter.NewRawValue(&commonpb.Payload{Data: []byte(text),
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte("json/plain"), workflows.MetadataPlaintext: nil}})
	}
	all := []any{workflows.Callback{RequestID: "r1"}, workflows.Callback{RequestID: "r1"}, nil, "text", 7, []string{"a"},
		[]byte{0},
		map[string]any{"requestId": []int{1}}, typed(`{"requestId":"same"}`), typed(`{"requestId":"same"}`), typed(`{`)}
	s := newStory(t)
	s.OnActivity(do.Identify, mock.Anything, mock.Anything).Return(single("waiting_review", ""), nil).Once()
	s.OnActivity(do.ReadStatus, mock.Anything, mock.Anything).Return(single("completed", "approved"), nil).Once()
	s.after(time.Second, func() {
		for _, input := range all {
			s.SignalWorkflow(workflows.SignalCallback, input)
		}
	})
	v := s.run()
	require.Equal(t, kyc.Approved, v.Stage)
	require.Equal(t, len(all)-1, v.Hints, "the repeated callback is one")
}

// A notifier believes its case alone: what comes in plaintext, or is no notice,
// is left out and stops nothing.
func TestANotifierBelievesItsCaseAlone(t *testing.T) {
	p := newPost(t)
	notices := lived("waiting_review", "completed")
	forged := `{"notices":[{"id":"evt_A1_9","type":"case.denied","stage":"denied"}]}`
	p.RegisterDelayedCallback(func() {
		for _, input := range []any{nil, "text", map[string]any{},
			converter.NewRawValue(&commonpb.Payload{Data: []byte(forged),
				Metadata: map[string][]byte{converter.MetadataEncoding: []byte("json/plain"), workflows.MetadataPlaintext: nil}})} {
			p.SignalWorkflow(workflows.SignalNotices, input)
		}
	}, time.Second)
	p.run(both(), notices...)
	require.NotContains(t, strings.Join(p.took["all"], " "), "evt_A1_9")
	require.Len(t, p.took["all"], 2)
}
