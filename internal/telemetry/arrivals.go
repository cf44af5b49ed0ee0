package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

// traceHeader is the header that carries a trace through Temporal, the same as in every SDK.
const traceHeader = "_tracer-data"

// arrivals gives a workflow's trace a span for each signal and update that it receives. A message of another trace,
// such as a callback's, is linked: the workflow keeps one tree, and the request one of its own.
type arrivals struct {
	interceptor.InterceptorBase
	tracer trace.Tracer
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (a *arrivals) InterceptWorkflow(ctx workflow.Context,
	next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &arrivalsInbound{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next},
		tracer: a.tracer, info: workflow.GetInfo(ctx)}
}

// arrivalsInbound serves one run.
type arrivalsInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	tracer  trace.Tracer
	info    *workflow.Info
	started bool
	run     trace.SpanContext // what started the run; invalid if that was not traced
	early   []func()          // the spans of signals that came before the run's first task
}

// ExecuteWorkflow learns what the run belongs to.
func (i *arrivalsInbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	i.started, i.run = true, spanIn(interceptor.WorkflowHeader(ctx))
	for _, span := range i.early {
		span()
	}
	i.early = nil
	return i.Next.ExecuteWorkflow(ctx, in)
}

// HandleSignal is called before ExecuteWorkflow for a signal that was sent before the run's first task.
func (i *arrivalsInbound) HandleSignal(ctx workflow.Context, in *interceptor.HandleSignalInput) error {
	i.arrived(ctx, "HandleSignal:"+in.SignalName)
	return i.Next.HandleSignal(ctx, in)
}

// ExecuteUpdate is called for an update that was accepted.
func (i *arrivalsInbound) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	i.arrived(ctx, "HandleUpdate:"+in.Name)
	return i.Next.ExecuteUpdate(ctx, in)
}

// arrived records that a message arrived, unless it is replayed. Handlers apply a message and return, so the span has
// no duration.
func (i *arrivalsInbound) arrived(ctx workflow.Context, name string) {
	if workflow.IsReplaying(ctx) {
		return
	}
	message, at := spanIn(interceptor.WorkflowHeader(ctx)), time.Now()
	record := func() {
		options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(at),
			trace.WithAttributes(attribute.String("temporalWorkflowID", i.info.WorkflowExecution.ID),
				attribute.String("temporalRunID", i.info.WorkflowExecution.RunID))}
		parent := message
		if message.TraceID() != i.run.TraceID() && i.run.IsValid() {
			parent = i.run
			if message.IsValid() {
				options = append(options, trace.WithLinks(trace.Link{SpanContext: message}))
			}
		}
		_, span := i.tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), parent), name, options...)
		span.End(trace.WithTimestamp(at))
	}
	if !i.started {
		i.early = append(i.early, record)
		return
	}
	record()
}

// spanIn is the span that a header carries; an invalid one if it carries none that can be read.
func spanIn(header map[string]*commonpb.Payload) trace.SpanContext {
	payload, fields := header[traceHeader], propagation.MapCarrier{}
	if payload == nil || converter.GetDefaultDataConverter().FromPayload(payload, &fields) != nil {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), fields))
}
