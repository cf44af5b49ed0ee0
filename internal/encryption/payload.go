package encryption

import (
	"bytes"
	_ "embed" // the phrases
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// What Temporal is given in place of a payload:
//
//	metadata  encoding           "binary/encrypted", as Temporal's samples call it
//	          encryption-key-id  of the keyset's key, in decimal; absent if the data begins with it
//	          workflow-id        whose payload it is; absent if nobody said so
//	data      Tink's AES-256-GCM of one byte for the form and the payload as protobuf,
//	          stored or deflated; associated data: purpose, key id and workflow id
//
// Tink's own keys put their id in front (a byte 1 and four of the id), so what
// a history is paid for by the byte does not repeat it.
// So nothing of it can be changed, and it opens in no other workflow. The id of
// the workflow is beside the data because a browser that shows a history sends
// payloads without their origin; a caller that knows it says
// so, and then the two have to agree. The namespace is left out: a replay
// elsewhere, which is how a history is tested, has another one.
const (
	payloadEncoding = "binary/encrypted"
	payloadKeyID    = "encryption-key-id"
	payloadWorkflow = "workflow-id"
	payloadPurpose  = "durablekyc payload v1\x00"

	// The forms. Phrased is what is made, where it is shorter; deflated was.
	stored, deflated, phrased = 0, 1, 2
	// A scratch of more than this is not kept for the next payload.
	largestScratch = 64 << 10
)

// What most payloads begin with, and what the payloads of cases say. Deflate
// refers to a dictionary instead of repeating it, which halves them; its words
// mean nothing here. Another text in one of these would be another form.
var (
	//go:embed phrases.txt
	dictionary   string
	dictionaryV1 = []byte("\n\x16\n\x08encoding\x12\njson/plain\x12")
	words        = append([]byte(strings.ReplaceAll(dictionary, "\n", "")), dictionaryV1...)
)

// ErrClear: a payload was never sealed. It is an ErrSealed as well.
var ErrClear = fmt.Errorf("%w: not encrypted", ErrSealed)

// Why else a payload does not open.
var (
	errTampered      = fmt.Errorf("%w: damaged or altered", ErrSealed)
	errWrongWorkflow = fmt.Errorf("%w: bound to another workflow", ErrSealed)
	errUnbound       = fmt.Errorf("%w: not bound to a workflow", ErrSealed)
)

// Codec seals payloads and opens them. Told nothing, it opens whatever the
// keyset sealed, which is what a browser of histories needs; told a workflow,
// it opens what was sealed for that one.
func (k Keyset) Codec() converter.PayloadCodec { return codec{keys: k.opened} }

// Workflow is the id of the workflow that a payload was sealed for, which
// is beside it in clear; empty if it is not.
func Workflow(p *commonpb.Payload) string { return string(p.GetMetadata()[payloadWorkflow]) }

type codec struct {
	keys         *opened
	workflow     string // whose payloads these are; empty if it is not known
	refusal             // what happens when one does not open
	allowUnbound bool   // whether what was sealed for no workflow opens for one
	plain        bool   // what crosses a Nexus endpoint: it goes in plaintext, and comes in either form
}

// EncryptedNexusService is the one Nexus service whose payloads are encrypted: this keyset is at both ends of it.
// Those of every other service go in plaintext, since whoever is at the other end has another keyset, or none.
const EncryptedNexusService = "kyc-internal"

// WithSerializationContext is how Temporal's SDK says whose payloads come.
func (c codec) WithSerializationContext(sc converter.SerializationContext) converter.PayloadCodec {
	return c.in(sc)
}

func (c codec) in(sc converter.SerializationContext) codec {
	switch sc := sc.(type) {
	case converter.WorkflowSerializationContext:
		c.workflow = sc.WorkflowID
	case converter.ActivitySerializationContext:
		c.workflow = sc.WorkflowID
	case converter.NexusSerializationContext:
		// A result is bound to the workflow that made it, whose id the SDK does not give here.
		c.workflow, c.plain = "", sc.Service != EncryptedNexusService
		if c.refusal == panicUnlessClear {
			c.refusal = returnError // a handler answers its caller
		}
	}
	return c
}

// Encode seals.
func (c codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return c.each(payloads, c.seal)
}

// Decode opens all of them or none.
func (c codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return c.each(payloads, c.open)
}

func (c codec) each(payloads []*commonpb.Payload, transform func(*commonpb.Payload) (*commonpb.Payload,
	error)) ([]*commonpb.Payload, error) {
	turned := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		var err error
		if turned[i], err = transform(p); err != nil {
			return nil, c.refuse(c.workflow, err)
		}
	}
	return turned, nil
}

func (c codec) seal(p *commonpb.Payload) (*commonpb.Payload, error) {
	if c.plain {
		return p, nil
	}
	if c.keys == nil {
		return nil, errors.New("no keyset to encrypt with")
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	var err error
	if s.plain, err = (proto.MarshalOptions{}).MarshalAppend(append(s.plain[:0], stored), p); err != nil {
		return nil, err
	}
	data, err := c.keys.aead.Encrypt(s.shorter(), s.associate(c.keys.primary, c.workflow))
	if err != nil {
		return nil, err
	}
	metadata := map[string][]byte{converter.MetadataEncoding: []byte(payloadEncoding)}
	if leading(data) != c.keys.primary {
		metadata[payloadKeyID] = []byte(c.keys.primary)
	}
	if c.workflow != "" {
		metadata[payloadWorkflow] = []byte(c.workflow)
	}
	return &commonpb.Payload{Metadata: metadata, Data: data}, nil
}

func (c codec) open(p *commonpb.Payload) (*commonpb.Payload, error) {
	if string(p.GetMetadata()[converter.MetadataEncoding]) != payloadEncoding {
		if c.plain {
			return p, nil
		}
		return nil, ErrClear
	}
	named, beside := p.Metadata[payloadKeyID]
	workflow, says := p.Metadata[payloadWorkflow]
	id, known := leading(p.Data), 1
	if beside {
		id, known = string(named), known+1
	}
	if says {
		known++
	}
	switch number, err := strconv.ParseUint(id, 10, 32); {
	case err != nil || len(p.Metadata) != known || says && len(workflow) == 0 || len(p.ExternalPayloads) > 0:
		return nil, errTampered
	case c.keys == nil || !c.keys.ids[uint32(number)]:
		return nil, fmt.Errorf("%w: encrypted with key %d, which is not in this keyset", ErrSealed, number)
	case c.workflow != "" && !says && !c.allowUnbound:
		return nil, errUnbound
	case c.workflow != "" && says && c.workflow != string(workflow):
		return nil, errWrongWorkflow
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	plain, err := c.keys.aead.Decrypt(p.Data, s.associate(id, string(workflow)))
	if err != nil || len(plain) == 0 {
		return nil, errTampered
	}
	form, plain := plain[0], plain[1:]
	switch form {
	case stored:
	case deflated:
		plain, err = s.inflate(plain, dictionaryV1)
	case phrased:
		plain, err = s.inflate(plain, words)
	default:
		return nil, errTampered
	}
	if err != nil {
		return nil, errTampered
	}
	opened := &commonpb.Payload{}
	if err := proto.Unmarshal(plain, opened); err != nil {
		return nil, errTampered
	}
	return opened, nil
}

// leading is the id of the key that Tink put in front of what it encrypted, in
// decimal; empty if there is none.
func leading(data []byte) string {
	if len(data) < 5 || data[0] != 1 {
		return ""
	}
	return strconv.FormatUint(uint64(binary.BigEndian.Uint32(data[1:5])), 10)
}

// scratch is what sealing and opening need and nobody sees afterwards. They
// are reused: a deflater alone is a quarter of a megabyte. The standard library's
// clears all of its own before each use, which takes several times as long as
// such a short payload.
type scratch struct {
	plain, associated []byte
	packed            bytes.Buffer
	deflater          *flate.Writer
	source            bytes.Reader
	inflater          io.ReadCloser
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) release() {
	if cap(s.plain) <= largestScratch && s.packed.Cap() <= largestScratch {
		scratches.Put(s)
	}
}

func (s *scratch) associate(keyID, workflow string) []byte {
	s.associated = append(s.associated[:0], payloadPurpose...)
	s.associated = append(s.associated, keyID...)
	s.associated = append(s.associated, 0)
	s.associated = append(s.associated, workflow...)
	return s.associated
}

// shorter is plain, or plain deflated if that has fewer bytes.
func (s *scratch) shorter() []byte {
	s.packed.Reset()
	s.packed.WriteByte(phrased)
	if s.deflater == nil {
		s.deflater, _ = flate.NewWriterDict(&s.packed, flate.BestSpeed, words) // fails for a wrong level only
	} else {
		s.deflater.Reset(&s.packed) // with the same dictionary
	}
	// A buffer takes all that is written to it.
	_, _ = s.deflater.Write(s.plain[1:])
	_ = s.deflater.Close()
	if s.packed.Len() < len(s.plain) {
		return s.packed.Bytes()
	}
	return s.plain
}

func (s *scratch) inflate(packed, dictionary []byte) ([]byte, error) {
	s.source.Reset(packed)
	if s.inflater == nil {
		s.inflater = flate.NewReaderDict(&s.source, dictionary)
	} else if err := s.inflater.(flate.Resetter).Reset(&s.source, dictionary); err != nil {
		return nil, err
	}
	s.packed.Reset()
	_, err := s.packed.ReadFrom(s.inflater)
	return s.packed.Bytes(), err
}
