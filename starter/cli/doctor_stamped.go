package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"durablekyc.example/records/recorder"
)

// stampedWithin is how old the latest time-stamp may be while the log grows: one a day, and a day for the authority.
const stampedWithin = 48 * time.Hour

// checkStamped looks for what the alert KYCTimestampMissing is about. It asks no authority: that is one day's token.
func (x *doctorRun) checkStamped(ctx context.Context, records *recorder.Recorder) {
	const check = "KYC_RECORDS_TSA"
	const way = "the worker's log, which says why; docs/operations.md#kyctimestampmissing"
	address, _, err := x.lookup.Value(check)
	switch {
	case err != nil:
		x.bad(check, oneLine(err), "set only one of the two, to the worker's value")
		return
	case address == "":
		x.skip(check, "not set: records have no time-stamp")
		return
	}
	size, last, err := records.LastStamp(ctx)
	total, sizeErr := records.Log.Size(ctx)
	at := last.At.Format(time.RFC3339)
	switch err = errors.Join(err, sizeErr); {
	case err != nil:
		x.bad(check, oneLine(err), way)
	case total == 0:
		x.skip(check, "no case is on record yet")
	case size == 0:
		x.warn(check, "the log has no time-stamp yet: the worker asks for one in its next sweep", way)
	case size < total && x.out.clock().Sub(last.At) > stampedWithin:
		x.warn(check, fmt.Sprintf("the last time-stamp is of %s, and %d records since then have none", at, total-size), way)
	default:
		x.ok(check, fmt.Sprintf("the last time-stamp is of %s and covers %d of %d records", at, size, total))
	}
}
