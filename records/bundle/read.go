package bundle

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const block = 512 // of a tar

// Encode returns the bytes of the bundle. The same bundle always has the same ones.
func (b *Bundle) Encode() []byte {
	var out bytes.Buffer
	entry := func(name string, data []byte) {
		if data == nil {
			return
		}
		out.Write(header(name, len(data)))
		out.Write(data)
		out.Write(make([]byte, padding(len(data))))
	}
	entry(ManifestName, b.manifest)
	entry(ProofName, b.proof)
	entry(TimestampName, b.timestamp)
	entry(KeyName, b.key)
	entry(RecipientKeyName, b.forRecipient)
	entry(WrappedKeyName, b.wrapped)
	for _, p := range b.Manifest.Parts {
		entry(p.Name, b.parts[p.Name])
	}
	out.Write(make([]byte, 2*block))
	return out.Bytes()
}

// header is the one header that an entry of this name and size has.
func header(name string, size int) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	// Neither can fail: names are short, and a buffer takes all that is written to it.
	_ = w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(size), Mode: 0o444, Format: tar.FormatUSTAR})
	return out.Bytes()
}

func padding(size int) int { return (block - size%block) % block }

// Check looks at the manifest, the proof and the time-stamp, each nil if there is none, before anything that depends on
// the manifest is read. Its error ends Read.
type Check func(manifest, proof, timestamp []byte) error

// Read reads a bundle and refuses every byte that Encode would not have written. It verifies the digests of the
// encrypted parts and, where the key is there in plaintext, the commitment. Every fault is a *PartError, or check's
// error. A nil check allows anything.
func Read(data []byte, check Check) (*Bundle, error) {
	if len(data) > MaxSize {
		return nil, faulty(ManifestName, "the file is larger than a bundle can be (%d bytes)", MaxSize)
	}
	b, r := &Bundle{parts: map[string][]byte{}}, &reader{rest: data}
	var err error
	if b.manifest, err = r.entry(ManifestName, -1); err != nil {
		return nil, err
	}
	if err := b.readProof(r); err != nil {
		return nil, err
	}
	if b.Manifest, err = decodeManifest(b.manifest); check != nil {
		if refused := check(b.manifest, b.proof, b.timestamp); refused != nil {
			return nil, first(err, refused)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := b.readKey(r); err != nil {
		return nil, err
	}
	for i, p := range b.Manifest.Parts {
		r.later = b.Manifest.Parts[i:]
		if b.parts[p.Name], err = r.entry(p.Name, p.Size); err != nil {
			return nil, err
		}
		if digest(b.parts[p.Name]) != p.Encrypted {
			return nil, faulty(p.Name, "does not match the digest in the manifest")
		}
	}
	return b, r.end()
}

// readProof reads the proof and the time-stamp, as far as they are there.
func (b *Bundle) readProof(r *reader) (err error) {
	if r.next() == ProofName {
		if b.proof, err = r.entry(ProofName, -1); err != nil {
			return err
		}
	}
	if r.next() == TimestampName {
		b.timestamp, err = r.entry(TimestampName, -1)
	}
	return err
}

// first prefers what is wrong with the manifest in itself, as a newer format, to what that leads to.
func first(err, refused error) error {
	if err != nil {
		return err
	}
	return refused
}

// readKey reads the one entry that has the key.
func (b *Bundle) readKey(r *reader) (err error) {
	switch r.next() {
	case WrappedKeyName:
		b.wrapped, err = r.entry(WrappedKeyName, -1)
	case RecipientKeyName:
		b.forRecipient, err = r.entry(RecipientKeyName, -1)
	default:
		b.key, err = r.entry(KeyName, KeySize)
	}
	if err != nil {
		return err
	}
	if next := r.next(); next == KeyName || next == WrappedKeyName || next == RecipientKeyName {
		return faulty(next, "the bundle has two keys")
	}
	if b.key == nil {
		return nil
	}
	return b.checkKey(b.key, KeyName)
}

// reader reads entries off the front of a tar.
type reader struct {
	rest  []byte
	seen  []string
	later []Part // that are still to come
}

// next is the name that the next entry has, or empty.
func (r *reader) next() string {
	if len(r.rest) < block {
		return ""
	}
	name, _, _ := strings.Cut(string(r.rest[:100]), "\x00")
	return name
}

// entry reads an entry of this name and size; a size of -1 is any.
func (r *reader) entry(name string, size int) ([]byte, error) {
	if err := r.expect(name); err != nil {
		return nil, err
	}
	if size < 0 {
		h, err := tar.NewReader(bytes.NewReader(r.rest[:block])).Next()
		if err != nil || h.Size < 0 || h.Size > MaxSize {
			return nil, faulty(name, "its header is damaged")
		}
		size = int(h.Size)
	}
	want := header(name, size)
	if !bytes.Equal(r.rest[:block], want) {
		return nil, faulty(name, "its header is damaged in byte %d", firstDifference(r.rest[:block], want))
	}
	r.rest = r.rest[block:]
	padded := size + padding(size)
	if len(r.rest) < padded {
		return nil, faulty(name, "the file is truncated: %d bytes are missing", padded-len(r.rest))
	}
	data, pad := r.rest[:size:size], r.rest[size:padded]
	if slices.ContainsFunc(pad, func(b byte) bool { return b != 0 }) {
		return nil, faulty(name, "unexpected data after its end")
	}
	r.rest, r.seen = r.rest[padded:], append(r.seen, name)
	return bytes.Clone(data), nil
}

// expect says in which way the next entry is not the one of this name.
func (r *reader) expect(name string) error {
	next := r.next()
	later := slices.ContainsFunc(r.later, func(p Part) bool { return p.Name == next })
	switch {
	case len(r.rest) < block:
		return faulty(name, "the file is truncated before it")
	case next == name:
		return nil
	case slices.Contains(r.seen, next):
		return faulty(next, "duplicate entry")
	case later:
		return faulty(name, "missing, or %s is out of order", next)
	case next == "" && isZero(r.rest[:block]):
		return faulty(name, "it is missing")
	}
	return faulty(name, "its header is damaged, or another entry replaces it")
}

func isZero(data []byte) bool { return !slices.ContainsFunc(data, func(b byte) bool { return b != 0 }) }

// end reads the end of a tar, behind which there is nothing.
func (r *reader) end() error {
	last := r.seen[len(r.seen)-1]
	switch next := r.next(); {
	case slices.Contains(r.seen, next):
		return faulty(next, "duplicate entry")
	case len(r.rest) < 2*block:
		return faulty(last, "the file is truncated in the %d bytes after it", 2*block)
	case !isZero(r.rest[:2*block]):
		return faulty(last, "followed by an entry that the manifest does not list")
	case len(r.rest) > 2*block:
		return faulty(last, "%d bytes after the end of the bundle", len(r.rest)-2*block)
	}
	return nil
}

// String names the bundle.
func (b *Bundle) String() string { return fmt.Sprintf("record of %s", b.Manifest.Reference) }
