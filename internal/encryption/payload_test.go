package encryption_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"durablekyc.example/internal/encryption"
)

// of is the codec of a workflow's payloads.
func of(k encryption.Keyset, id string) converter.PayloadCodec {
	return k.Codec().(converter.PayloadCodecWithSerializationContext).WithSerializationContext(
		converter.WorkflowSerializationContext{WorkflowID: id})
}

func sealPayload(t require.TestingT, c converter.PayloadCodec, p *commonpb.Payload) *commonpb.Payload {
	sealed, err := c.Encode([]*commonpb.Payload{p})
	require.NoError(t, err)
	require.Len(t, sealed, 1)
	return sealed[0]
}

func openPayload(c converter.PayloadCodec, p *commonpb.Payload) (*commonpb.Payload, error) {
	opened, err := c.Decode([]*commonpb.Payload{p})
	if err != nil {
		return nil, err
	}
	return opened[0], nil
}

// keyID is the id of the key that a payload of Tink's own keys begins with.
func keyID(p *commonpb.Payload) string {
	return strconv.FormatUint(uint64(binary.BigEndian.Uint32(p.Data[1:5])), 10)
}

// anyPayload draws one as converters make them, and others.
func anyPayload(t *rapid.T) *commonpb.Payload {
	p := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte(rapid.SampledFrom([]string{"json/plain",
		"binary/plain", "binary/null", "json/protobuf"}).Draw(t, "encoding"))}}
	if rapid.Bool().Draw(t, "more metadata") {
		p.Metadata[rapid.String().Draw(t, "name")] = rapid.SliceOf(rapid.Byte()).Draw(t, "value")
	}
	p.Data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
	if rapid.Bool().Draw(t, "long") {
		p.Data = []byte(strings.Repeat(rapid.String().Draw(t, "part"), 400))
	}
	return p
}

var anyID = rapid.StringMatching(`[0-9A-Za-z_-]{1,60}`)

func TestAPayloadComesBack(t *testing.T) {
	first, text := drawn(t)
	text, err := encryption.RotateKeyset(text)
	require.NoError(t, err)
	text, err = encryption.RotateKeyset(text)
	require.NoError(t, err)
	third, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		id, p := anyID.Draw(t, "id"), anyPayload(t)
		before := proto.Clone(p).(*commonpb.Payload)
		sealed := sealPayload(t, of(first, id), p)
		require.True(t, proto.Equal(before, p), "what is given stays as it is")
		for what, c := range map[string]converter.PayloadCodec{"with its id": of(first, id), "as a browser": first.Codec(),
			"two rotations later": of(third, id)} {
			opened, err := openPayload(c, sealed)
			require.NoError(t, err, what)
			require.True(t, proto.Equal(p, opened), what)
		}
		later := sealPayload(t, of(third, id), p)
		_, err := openPayload(of(first, id), later)
		require.ErrorIs(t, err, encryption.ErrSealed, "the newest key seals")
	})
}

func TestAPayloadCannotBeChanged(t *testing.T) {
	k, text := drawn(t)
	rotated, err := encryption.RotateKeyset(text)
	require.NoError(t, err)
	both, err := encryption.ParseKeyset(rotated) // so that another key's id is a known one
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		id := anyID.Draw(t, "id")
		sealed := sealPayload(t, of(k, id), anyPayload(t))
		refused := func(what string, p *commonpb.Payload) {
			for _, c := range []converter.PayloadCodec{k.Codec(), of(k, id), both.Codec()} {
				_, err := openPayload(c, p)
				require.ErrorIs(t, err, encryption.ErrSealed, what)
			}
		}
		field := rapid.SampledFrom(append(slices.Sorted(maps.Keys(sealed.Metadata)), "the data")).Draw(t, "field")
		change := func(how func([]byte) []byte) *commonpb.Payload {
			p := proto.Clone(sealed).(*commonpb.Payload)
			if field == "the data" {
				p.Data = how(p.Data)
			} else {
				p.Metadata[field] = how(p.Metadata[field])
			}
			return p
		}
		refused("a byte", change(func(b []byte) []byte {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
			return b
		}))
		refused("cut", change(func(b []byte) []byte { return b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")] }))
		refused("longer", change(func(b []byte) []byte { return append(b, rapid.Byte().Draw(t, "more")) }))
		if field != "the data" {
			p := proto.Clone(sealed).(*commonpb.Payload)
			delete(p.Metadata, field)
			refused("a field less", p)
			p.Metadata[field+"x"] = sealed.Metadata[field]
			refused("a field of another name", p)
		}
		more := proto.Clone(sealed).(*commonpb.Payload)
		more.Metadata["more"] = []byte("x")
		refused("a field more", more)
		elsewhere := proto.Clone(sealed).(*commonpb.Payload)
		elsewhere.ExternalPayloads = []*commonpb.Payload_ExternalPayloadDetails{{SizeBytes: 1}}
		refused("more of it elsewhere", elsewhere)

		for what, named := range map[string]string{"another key's id": keyID(sealPayload(t, both.Codec(), example(30))),
			"its key's id in other digits": "0" + keyID(sealed)} {
			p := proto.Clone(sealed).(*commonpb.Payload)
			p.Metadata["encryption-key-id"] = []byte(named)
			refused(what, p)
		}
		nobodys := sealPayload(t, k.Codec(), example(30))
		nobodys.Metadata["workflow-id"] = []byte{}
		refused("an empty id for no id", nobodys)

		other := anyID.Filter(func(s string) bool { return s != id }).Draw(t, "other")
		_, err := openPayload(of(k, other), sealed)
		require.ErrorIs(t, err, encryption.ErrSealed, "moved")
		moved := proto.Clone(sealed).(*commonpb.Payload)
		moved.Metadata["workflow-id"] = []byte(other)
		refused("moved, and its id with it", moved)
		_, err = openPayload(of(k, other), moved)
		require.ErrorIs(t, err, encryption.ErrSealed, "moved, and its id with it")
	})
}

// Whoever lacks a key is told which, also by a payload that was cut behind the key's id.
func TestAMissingKeyIsNamed(t *testing.T) {
	k, _ := drawn(t)
	other, _ := drawn(t)
	sealed := sealPayload(t, other.Codec(), example(30))
	for _, length := range []int{5, 6, len(sealed.Data)} {
		p := proto.Clone(sealed).(*commonpb.Payload)
		p.Data = p.Data[:length]
		_, err := openPayload(k.Codec(), p)
		require.ErrorContains(t, err, "encrypted with key "+keyID(sealed)+", which is not in this keyset")
	}
	sealed.Data = sealed.Data[:4]
	_, err := openPayload(k.Codec(), sealed)
	require.ErrorContains(t, err, "damaged or altered")
}

// A key without a prefix, as another program may make one, is named beside what it sealed.
func TestAKeyWithoutAPrefixIsNamedBesideIt(t *testing.T) {
	_, text := drawn(t)
	raw, err := encryption.ParseKeyset(strings.ReplaceAll(text, `"TINK"`, `"RAW"`))
	require.NoError(t, err)
	sealed := sealPayload(t, of(raw, workflow), example(30))
	require.Len(t, sealed.Metadata, 3)
	require.Contains(t, text, `"primaryKeyId":`+string(sealed.Metadata["encryption-key-id"]))
	for _, c := range []converter.PayloadCodec{raw.Codec(), of(raw, workflow)} {
		opened, err := openPayload(c, sealed)
		require.NoError(t, err)
		require.True(t, proto.Equal(example(30), opened))
	}
}

// The words that payloads refer to are part of their form: another word and
// no history opens any more.
func TestTheWordsStayAsTheyAre(t *testing.T) {
	text, err := os.ReadFile("phrases.txt")
	require.NoError(t, err)
	require.Equal(t, "a3d3fe2cee55bea640b0a0c35870e524d98523d1ed48e605fcde6e9830c4dd8a",
		fmt.Sprintf("%x", sha256.Sum256(text)))
}

// A client that decoded what it was not sent sealed would believe anybody.
func TestPlaintextIsNotDecrypted(t *testing.T) {
	k, _ := drawn(t)
	rapid.Check(t, func(t *rapid.T) {
		_, err := openPayload(of(k, workflow), anyPayload(t))
		require.ErrorIs(t, err, encryption.ErrClear)
		require.ErrorIs(t, err, encryption.ErrSealed)
	})
	mixed := []*commonpb.Payload{sealPayload(t, k.Codec(), example(30)), example(30)}
	opened, err := k.Codec().Decode(mixed)
	require.ErrorIs(t, err, encryption.ErrClear)
	require.Nil(t, opened)
}

// example is a payload of about so many bytes, as a case has them.
func example(size int) *commonpb.Payload {
	text := `{"customerId":"extRefApp100","type":"individual","stage":"review","entities":[`
	for i := 0; len(text) < size-24; i++ {
		text += fmt.Sprintf(`{"id":"entap_%04d","status":"in_review","name":"Mario Rossi %c","documents":["passport_%x"]},`,
			i*7919%10000, 'A'+i%26, i*2654435761)
	}
	return &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")},
		Data: []byte(text[:max(size-24, 0)])}
}

// Histories are paid by the byte, and kept for a month.
func TestASealedPayloadIsSmall(t *testing.T) {
	k, _ := drawn(t)
	for _, row := range []struct{ size, most int }{{30, 175}, {300, 310}, {3000, 1000}, {30000, 7000}} {
		p := example(row.size)
		sealed := sealPayload(t, of(k, workflow), p)
		t.Logf("%5d bytes in clear, %5d sealed; metadata %d, data %d", proto.Size(p), proto.Size(sealed),
			proto.Size(&commonpb.Payload{Metadata: sealed.Metadata}), len(sealed.Data))
		require.LessOrEqual(t, proto.Size(sealed), row.most, row.size)
	}
	random := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("binary/plain")}, Data: []byte(noise(3000))}
	require.LessOrEqual(t, proto.Size(sealPayload(t, of(k, workflow), random)), proto.Size(random)+140,
		"what does not shrink is stored")
}

func TestSealingAllocatesLittle(t *testing.T) {
	k, _ := drawn(t)
	c, p := of(k, workflow), []*commonpb.Payload{example(300)}
	sealed, err := c.Encode(p)
	require.NoError(t, err)
	// The fewest of many runs: a pool forgets at times, on purpose with -race.
	fewest := func(work func()) float64 {
		least := testing.AllocsPerRun(1, work)
		for range 200 {
			least = min(least, testing.AllocsPerRun(1, work))
		}
		return least
	}
	require.LessOrEqual(t, fewest(func() { _, _ = c.Encode(p) }), 13.0)
	require.LessOrEqual(t, fewest(func() { _, _ = c.Decode(sealed) }), 12.0)
}

func BenchmarkPayload(b *testing.B) {
	k, _ := drawn(b)
	c := of(k, workflow)
	for _, size := range []int{300, 3000} {
		p := []*commonpb.Payload{example(size)}
		sealed, err := c.Encode(p)
		require.NoError(b, err)
		b.Run(fmt.Sprintf("Seal/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.Encode(p)
			}
			b.ReportMetric(float64(proto.Size(sealed[0])-proto.Size(p[0])), "more-bytes")
		})
		b.Run(fmt.Sprintf("Open/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.Decode(sealed)
			}
		})
	}
}
