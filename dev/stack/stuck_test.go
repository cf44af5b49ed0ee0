package main

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// lines are what a console has said so far.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A case that is stuck is said by doctor and by the console of dev, with the cause
// and the way on; the console says as well that it goes on.
func TestAStuckCaseIsSaid(t *testing.T) {
	own := beside(t, options{work: t.TempDir(), withUI: true})
	v := begin(t, "stuck1", customers(t, "individual", "review", 1)[0], patient())
	rotated, err := encryption.RotateKeyset(named(own.vars)["KYC_KEYSET"])
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(rotated)
	require.NoError(t, err)
	ahead := cases.Client{Temporal: own.join(t, keyset.Converters())}
	require.NoError(t, ahead.Callback(t.Context(), v.Reference, workflows.Callback{RequestID: "1",
		ApplicationID: v.ApplicationID}))

	const (
		says  = `^kyc-stuck1 is stuck \(attempt \d+\): the worker lacks the key of one of its payloads`
		wayOn = "give the worker the complete KYC_KEYSET; starter replay stuck1 checks whether this one decrypts the history"
	)
	var said lines
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); sayStuck(ctx, own.cases, own.ui.URL, &said) }()
	defer func() { stop(); <-ended }()
	require.Eventually(t, func() bool { return said.String() != "" }, 3*time.Minute, 200*time.Millisecond,
		"the console must say it")
	require.Regexp(t, says+"\ntry: "+wayOn+"\nsee: "+own.ui.URL+
		"/namespaces/default/workflows/kyc-stuck1/[-0-9a-f]+/user-metadata\n$", said.String())

	code, all := examined(t, nil)
	require.Equal(t, 1, code)
	var found []finding
	for _, f := range all {
		if f.Check == "stuck cases" {
			found = append(found, f)
		}
	}
	require.Len(t, found, 1)
	require.Regexp(t, says+"$", found[0].Says)
	require.Equal(t, finding{"stuck cases", "WRONG", found[0].Says, wayOn}, found[0])

	require.NoError(t, own.stopWorker())
	own.workerClient = own.join(t, keyset.WorkerConverters())
	require.NoError(t, own.startWorker())
	require.Eventually(t, func() bool { return bytes.HasSuffix([]byte(said.String()), []byte("\nkyc-stuck1 goes on\n")) },
		3*time.Minute, 200*time.Millisecond, said.String())
	one.cases = ahead
	decide(t, v, "approved")
	require.Equal(t, kyc.Approved, untilWithin(t, time.Minute, v.Reference, final).Stage)
}

// Temporal names some of those that are stuck only: who is not among them any more
// may still be stuck.
func TestTheConsoleSaysChangesOnly(t *testing.T) {
	run := func(id string, cause cases.StuckCause, attempt int) cases.StuckRun {
		return cases.StuckRun{Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: "run-1"},
			StuckError: &cases.StuckError{Cause: cause, Attempt: attempt}}
	}
	var out bytes.Buffer
	said := sayChanges(&out, "http://ui.example", nil, []cases.StuckRun{run("kyc-A1", cases.StuckPanic, 5)}, false)
	require.Equal(t, "kyc-A1 is stuck (attempt 5): the workflow code panics\ntry: starter replay A1, then look for the "+
		"panic in the worker's log\nsee: http://ui.example/namespaces/default/workflows/kyc-A1/run-1/user-metadata\n", out.String())
	out.Reset()
	said = sayChanges(&out, "http://ui.example", said, []cases.StuckRun{run("kyc-A1", cases.StuckPanic, 6)}, false)
	require.Empty(t, out.String())
	said = sayChanges(&out, "http://ui.example", said, []cases.StuckRun{run("kyc-A1", cases.StuckNonDeterminism, 7)},
		false)
	require.Contains(t, out.String(), "attempt 7")
	out.Reset()
	require.Empty(t, sayChanges(&out, "http://ui.example", said, nil, true))
	require.Empty(t, out.String())
	sayChanges(&out, "http://ui.example", said, nil, false)
	require.Equal(t, "kyc-A1 goes on\n", out.String())
}
