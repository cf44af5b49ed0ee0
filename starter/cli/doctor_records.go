package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"durablekyc.example/cases"
	"durablekyc.example/records/recorder"
	"durablekyc.example/workflows"
)

// checkRecords reads the log with its key, and looks for cases that were closed a day ago and are not on record. It
// writes nothing: what a bucket with an object lock is given stays there for years.
func (x *doctorRun) checkRecords(ctx context.Context) {
	const check = "KYC_RECORDS"
	address, _, err := x.lookup.Value(check)
	key, _, keyErr := x.lookup.Value("KYC_RECORDS_KEY")
	switch err = errors.Join(err, keyErr); {
	case err != nil:
		x.bad(check, oneLine(err), "set only one of the two, to the worker's value")
		return
	case address == "" && key == "":
		x.skip(check, "not set: no records are kept, and closed cases are lost after Temporal's retention")
		return
	case address == "" || key == "":
		x.bad(check, "KYC_RECORDS and KYC_RECORDS_KEY must be set together: the worker does not start with one of them",
			"KYC_RECORDS=s3://BUCKET KYC_RECORDS_KEY_FILE=FILE starter doctor")
		return
	case x.keyset == nil:
		x.skip(check, "there is no keyset to open records with")
		return
	case strings.HasPrefix(address, "mem:"):
		x.warn(check, "mem:// is memory of one process: a restart loses the records", check+"=s3://BUCKET")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	records, closeBucket, err := openRecorder(ctx, address, key, *x.keyset)
	if err == nil {
		defer closeBucket()
		var size int64
		if size, err = records.Log.Size(ctx); err == nil { // reads the checkpoint with the key
			x.ok(check, fmt.Sprintf("the log has %d records, and its checkpoint is signed with KYC_RECORDS_KEY", size))
			x.checkRecorded(ctx, records)
			x.checkStamped(ctx, records)
			return
		}
	}
	x.bad(check, oneLine(err), "KYC_RECORDS=the-bucket-that-the-worker-has, with its key and the right to list and read")
}

// fewClosed is of how many closed cases doctor asks whether they are on record.
const fewClosed = 200

// checkRecorded looks for what the alert KYCRecordMissing is about.
func (x *doctorRun) checkRecorded(ctx context.Context, records *recorder.Recorder) {
	const check = "closed cases on record"
	if !x.named {
		x.skip(check, "no namespace")
		return
	}
	query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus != 'ContinuedAsNew' AND CloseTime < '%s'",
		workflows.Type, x.out.clock().Add(-24*time.Hour).UTC().Format(time.RFC3339))
	listed, err := x.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query,
		PageSize: fewClosed})
	if err != nil {
		x.bad(check, "cannot list them: "+oneLine(cases.TranslateError(ctx, err)), "starter doctor again in a moment")
		return
	}
	missing, first := 0, ""
	for _, e := range listed.GetExecutions() {
		reference := strings.TrimPrefix(e.GetExecution().GetWorkflowId(), workflows.ID(""))
		_, found, err := records.Log.Index(ctx, recorder.Name(reference, e.GetExecution().GetRunId()))
		if err != nil {
			x.bad(check, oneLine(err), "starter doctor again in a moment")
			return
		}
		if !found {
			missing, first = missing+1, reference
		}
	}
	switch n := len(listed.GetExecutions()); {
	case n == 0:
		x.skip(check, "none was closed more than a day ago")
	case missing > 0:
		x.bad(check, fmt.Sprintf("%d of %d that were closed more than a day ago are not, %s among them", missing, n, first),
			"the worker's log, which names each case and why; docs/operations.md#kycrecordmissing")
	default:
		x.ok(check, fmt.Sprintf("%d that were closed more than a day ago are", n))
	}
}
