package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"durablekyc.example/activities"
	"durablekyc.example/kyc"
)

// What cases count of themselves, by the SDK's handler, which keeps quiet while
// a history is replayed. As Prometheus has them, counters end in _total and
// times in _seconds. docs/operations.md has a line for each.
const (
	countStarted    = "kyc_cases_started"
	countEnded      = "kyc_cases_ended"             // by stage
	countHeld       = "kyc_cases_held"              // by reason and, of a refusal, code
	countLate       = "kyc_callbacks_late"          // read after the end
	countLost       = "kyc_callbacks_lost"          // changes that a read found and no callback had announced
	countHandedOver = "kyc_documents_handed_over"   // images
	countRefused    = "kyc_documents_refused"       // submissions, by code
	countNotices    = "kyc_notifications"           // by receiver and result
	timeStage       = "kyc_stage_duration"          // by stage, when it ends
	timeCase        = "kyc_case_duration"           // by stage it ended in
	timeDecision    = "kyc_callback_decision_delay" // from a callback to the decision it announced
)

// What became of a notice.
const (
	noticeDelivered = "delivered"
	noticeGivenUp   = "given_up"
)

// InitMetrics makes the series whose labels are known beforehand: a rate over one
// that is not there yet misses its first event. begin adds nothing to the counter
// of this name and these tags.
func InitMetrics(begin func(name string, tags map[string]string)) {
	for _, name := range []string{countStarted, countLate, countLost, countHandedOver, activities.CountStoreFailures} {
		begin(name, nil)
	}
	for _, stage := range kyc.Stages {
		if stage.Final() {
			begin(countEnded, tag("stage", string(stage)))
		}
	}
	for _, ground := range kyc.HoldReasons {
		if ground != kyc.GroundRefused {
			begin(countHeld, heldTags(ground, "none"))
		}
	}
	begin(countRefused, tag("code", activities.TypeImageMissing))
	for _, receiver := range []activities.Receiver{activities.ReceiverGlobal, activities.ReceiverCaller} {
		for _, result := range []string{noticeDelivered, noticeGivenUp} {
			begin(countNotices, delivery(receiver, result))
		}
	}
}

func tag(name, value string) map[string]string { return map[string]string{name: value} }

func heldTags(ground, code string) map[string]string {
	return map[string]string{"reason": ground, "code": code}
}

func delivery(receiver activities.Receiver, result string) map[string]string {
	return map[string]string{"receiver": string(receiver), "result": result}
}

// apply lets an event happen to the case, and counts what it did.
func (f *caseWorkflow) apply(ctx workflow.Context, e kyc.Event) {
	if f.observer != nil {
		f.observer.Applies(ctx, e)
	}
	c, now, meter := f.kycCase(), workflow.Now(ctx), workflow.GetMetricsHandler(ctx)
	stage, ground, since, version, hints := c.Stage, c.HoldReason(), c.StageEnteredAt(), c.Version, c.HintsReceived
	c.Apply(e)
	if hint, ok := e.(kyc.ChangeHinted); ok && hint.By == kyc.HintCallback {
		switch {
		case stage.Final() && c.Version != version:
			meter.Counter(countLate).Inc(1)
		case c.HintsReceived > hints && f.callbackReceivedAt.IsZero():
			f.callbackReceivedAt = now
		}
	}
	if held := c.HoldReason(); held != "" && held != ground {
		code := "none"
		if held == kyc.GroundRefused && c.Refusal != nil {
			code = c.Refusal.Code // one of those that no repetition mends, or that there was none
		}
		meter.WithTags(heldTags(held, code)).Counter(countHeld).Inc(1)
	}
	if c.Stage == stage {
		return
	}
	meter.WithTags(tag("stage", string(stage))).Timer(timeStage).Record(c.StageEnteredAt().Sub(since))
	if c.Stage.Final() {
		ended := meter.WithTags(tag("stage", string(c.Stage)))
		ended.Counter(countEnded).Inc(1)
		ended.Timer(timeCase).Record(c.EndedAt.Sub(c.StartedAt))
	}
}

// answered is apply for the answer to a need, and reports a change that
// a callback announced from one that none did. ConnectFi calls back for no
// change that a request caused, so only reads are looked at.
func (f *caseWorkflow) answered(ctx workflow.Context, need kyc.NextStep, e kyc.Event) {
	c, meter := f.kycCase(), workflow.GetMetricsHandler(ctx)
	before, known := c.ChangedAt, c.Reading.Status != "" // after a refusal every answer is a change
	images := 0
	if need.Submission != nil { // it points into the queue, which the answer shortens
		images = len(need.Submission.Images)
	}
	f.apply(ctx, e)
	switch said := e.(type) {
	case kyc.StatusReceived:
		changed := known && !c.ChangedAt.Equal(before)
		switch {
		case need.Action == kyc.ActionSubmit:
			meter.Counter(countHandedOver).Inc(int64(images))
		case need.Action == kyc.ActionIdentify || !changed:
		case f.callbackReceivedAt.IsZero():
			meter.Counter(countLost).Inc(1)
		case c.Stage == kyc.Approved || c.Stage == kyc.Denied:
			meter.Timer(timeDecision).Record(workflow.Now(ctx).Sub(f.callbackReceivedAt))
		}
	case kyc.RequestRejected:
		if said.Step == kyc.StepDocuments {
			meter.WithTags(tag("code", said.Code)).Counter(countRefused).Inc(1)
		}
	case kyc.RetriesExhausted:
		if said.Step == kyc.StepDocuments {
			meter.WithTags(tag("code", kyc.CodeNoAnswer)).Counter(countRefused).Inc(1)
		}
	}
	if c.Answered >= c.HintsReceived {
		f.callbackReceivedAt = time.Time{}
	}
}
