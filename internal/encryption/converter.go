package encryption

import (
	"context"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
)

// Converters seal all that Temporal stores of a workflow but its ids, its
// search attributes and the types of its errors. Both of them go into a
// client's options: with one alone, half would be stored in clear.
type Converters struct {
	Data     converter.DataConverter
	Failures converter.FailureConverter
}

// Converters are for programs that start workflows, send them messages and ask
// them: what does not open is an error.
func (k Keyset) Converters() Converters {
	return converters(codec{keys: k.opened, refusal: returnError})
}

// WorkerConverters are for the client that workers are made of, and for no
// other use of it: what does not open stops the workflow until the key is
// there, and is an error in an activity. See refusal.
func (k Keyset) WorkerConverters() Converters {
	return converters(codec{keys: k.opened, refusal: panicUnlessClear})
}

func converters(c codec) Converters { return Converters{newData(c), newFailures(c)} }

// refusal is what happens when a payload does not open.
//
// A worker may lack a key that another program seals with already, for as long
// as it takes to restart it, and an error would be too much for that: a workflow
// whose input does not decode fails for good, a signal is dropped with a line in
// the log, a version that code once chose reads as none, and the text of an
// error is left out, all without anyone being asked. A panic fails the one
// workflow task. Temporal repeats it, less and less often, until the key is there.
//
// The SDK says by WithWorkflowContext that workflow code is running, but not
// everywhere: neither for the arguments of updates, nor for markers (versions,
// side effects), nor for failures (v1.50.0, internal_workflow.go:1841,
// internal_event_handlers.go:1722 and :1628). And clients get their results
// through a converter without a context as well
// (internal_workflow_client.go:294, :2832, :3133), which is why a worker's
// client is made with converters of its own.
type refusal int

const (
	returnError refusal = iota // an error: in clients and activities
	// a panic; an error for what was never sealed: in a worker, where nobody says what it is for
	panicUnlessClear
	panicAlways // a panic: in workflow code
)

// refuse answers for a payload that cannot be sealed or opened.
//
// What was never sealed is no lack of a key. Yet workflow code stops at it as
// well, since failing the workflow would be no better; the way on is a reset to
// the event before. Signals are asked for raw: see FromPayloads. Where it may be an update, somebody is waiting for an
// answer and nothing of it is recorded unless it is accepted: they get the error, as
// the server would hand a panicking update to the next attempt for ever.
func (r refusal) refuse(workflow string, err error) error {
	if r == returnError || r == panicUnlessClear && errors.Is(err, ErrClear) {
		return err
	}
	panic(fmt.Errorf("cannot read a payload of %q: %w", workflow, err))
}

// data is a CodecDataConverter whose codec knows its serialization context.
type data struct {
	converter.DataConverter
	codec codec
}

func newData(c codec) data {
	return data{converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c), c}
}

// MetadataPlaintext is on what was asked for as a converter.RawValue and was
// never sealed.
const MetadataPlaintext = "plaintext"

// FromPayloads opens payloads. Who asks for a converter.RawValue decodes by
// itself, and takes what was never sealed, too, marked so: a signal that
// an operator typed must not stop a workflow. What is sealed with a key that is not
// there stops it all the same.
func (d data) FromPayloads(payloads *commonpb.Payloads, to ...any) error {
	if len(to) == 0 {
		return nil // what nobody reads need not open: an operator may type {} beside a withdrawal
	}
	if len(to) != 1 {
		return d.DataConverter.FromPayloads(payloads, to...)
	}
	raw, ok := to[0].(*converter.RawValue)
	switch all := payloads.GetPayloads(); {
	case !ok:
		return d.DataConverter.FromPayloads(payloads, to...)
	case len(all) == 0:
		*raw = converter.RawValue{}
		return nil
	case string(all[0].GetMetadata()[converter.MetadataEncoding]) == payloadEncoding:
		return d.DataConverter.FromPayload(all[0], raw)
	default:
		plain := proto.CloneOf(all[0])
		if plain.Metadata == nil {
			plain.Metadata = map[string][]byte{}
		}
		plain.Metadata[MetadataPlaintext] = []byte("true")
		*raw = converter.NewRawValue(plain)
		return nil
	}
}

// ToPayloads encrypts values. A converter.RawValue that is marked as plaintext stays so: it is what a workflow hands
// to somebody who has no key, such as the result of a Nexus operation.
func (d data) ToPayloads(values ...any) (*commonpb.Payloads, error) {
	if len(values) == 1 {
		if plain, ok := plaintextOf(values[0]); ok {
			return &commonpb.Payloads{Payloads: []*commonpb.Payload{plain}}, nil
		}
	}
	return d.DataConverter.ToPayloads(values...)
}

// plaintextOf is the payload of a RawValue that is marked as plaintext, without the mark.
func plaintextOf(value any) (*commonpb.Payload, bool) {
	raw, ok := value.(converter.RawValue)
	if _, marked := raw.Payload().GetMetadata()[MetadataPlaintext]; !ok || !marked {
		return nil, false
	}
	plain := proto.CloneOf(raw.Payload())
	delete(plain.Metadata, MetadataPlaintext)
	return plain, true
}

// WithSerializationContext is how the SDK says whose payloads come.
func (d data) WithSerializationContext(sc converter.SerializationContext) converter.DataConverter {
	return newData(d.codec.in(sc))
}

// WithWorkflowContext is how the SDK says that workflow code asks.
func (d data) WithWorkflowContext(converter.WorkflowContext) converter.DataConverter {
	c := d.codec
	c.refusal = panicAlways
	return newData(c)
}

// WithContext is how the SDK says that an activity or a client asks.
func (d data) WithContext(context.Context) converter.DataConverter {
	c := d.codec
	c.refusal = returnError
	return newData(c)
}

// failures seal messages, stack traces and details.
type failures struct {
	converter.FailureConverter
	codec codec
}

func newFailures(c codec) failures {
	// A worker opens failures for workflow code alone. Those that the SDK
	// itself reports of an activity, a result of too many bytes say, are sealed
	// without a word about the workflow (internal_task_handlers.go:2576).
	if c.allowUnbound = true; c.refusal == panicUnlessClear {
		c.refusal = panicAlways
	}
	return failures{temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: newData(c), EncodeCommonAttributes: !c.plain}), c}
}

// WithSerializationContext is how the SDK says whose failures come. Temporal's
// own converter does not pass it on to the data converter it was given.
func (f failures) WithSerializationContext(sc converter.SerializationContext) converter.FailureConverter {
	return newFailures(f.codec.in(sc))
}
