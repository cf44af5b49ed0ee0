// Package bundle is the file REF.kyc: everything on record about one closed case, as one tar that any program opens.
//
// The entries of a bundle, in this order and no other:
//
//	manifest.json    plaintext, canonical (RFC 8785): what the case was, how it ended, and a digest of every part
//	proof.txt        plaintext, only in evidence: where the log has the manifest (c2sp.org/tlog-proof)
//	timestamp.tst    plaintext, only in evidence that has one: a time-stamp (RFC 3161) of the checkpoint in proof.txt
//	key              the case's data key, 32 bytes, only in evidence; or
//	key.age          the same key, encrypted to whom the evidence is for (age-encryption.org/v1); or
//	key.wrapped      the same key, encrypted with the keyset, in the bucket
//	the parts        in the order of the manifest, each encrypted with the data key
//
// Encode has no clock and no choice: the same contents are the same bytes. Read compares what it reads with what
// Encode would write, so that no byte of a bundle is outside of what is checked.
package bundle

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// The entries that are not parts.
const (
	ManifestName     = "manifest.json"
	ProofName        = "proof.txt"
	TimestampName    = "timestamp.tst"
	KeyName          = "key"
	WrappedKeyName   = "key.wrapped"
	RecipientKeyName = "key.age"
)

// The parts. A bundle has every one of them, and then one ConsentPrefix part for each consent text.
const (
	HistoriesName = "histories.pb"   // temporal.api.export.v1.WorkflowExecutions, payloads in plaintext
	FactsName     = "facts.jsonl"    // the events of the case, one on a line
	PolicyName    = "policy.json"    // the policy that was pinned when the case started
	ConsentPrefix = "consent/sha256" // and a hyphen and the text's digest: a text that an applicant agreed to, or a notice
)

// KeySize is the length of a data key in bytes.
const KeySize = 32

// MaxSize is the size in bytes beyond which nothing is read as a bundle.
const MaxSize = 256 << 20

// Bundle is a bundle as it is stored or handed out. Its parts are encrypted.
type Bundle struct {
	Manifest Manifest

	manifest     []byte // the canonical bytes of Manifest, as they were read or made
	proof        []byte // nil in the bucket
	timestamp    []byte // nil in the bucket, and in evidence without one
	key          []byte // nil in the bucket
	forRecipient []byte // the key, encrypted to a recipient; nil in other evidence and in the bucket
	wrapped      []byte // nil in evidence
	parts        map[string][]byte
}

// Plain is one part in plaintext.
type Plain struct {
	Name string
	Data []byte
}

// PartError is a fault of a bundle: its entry, and one sentence without a full stop.
type PartError struct {
	Part   string
	Reason string
}

func (e *PartError) Error() string { return e.Part + ": " + e.Reason }

func faulty(part, format string, args ...any) *PartError {
	return &PartError{part, fmt.Sprintf(format, args...)}
}

// ErrNoKey means that a bundle holds no data key in plaintext, so that its parts cannot be read.
var ErrNoKey = errors.New("the key in the bundle is encrypted with a keyset, which is needed to read its parts")

// New makes a bundle of parts in plaintext, with a new data key and a new salt. wrap encrypts the data key. New fills
// in Format, Salt, Commitment and Parts of the manifest.
func New(m Manifest, parts []Plain, wrap func(key []byte) ([]byte, error)) (*Bundle, error) {
	key, salt := make([]byte, KeySize), make([]byte, sha256.Size)
	rand.Read(key) // never fails: the runtime ends the program first
	rand.Read(salt)
	wrapped, err := wrap(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt the key of the record: %w", err)
	}
	m.Format, m.Salt, m.Commitment, m.Parts = Format, hex.EncodeToString(salt), commitment(key), nil
	b := &Bundle{wrapped: wrapped, parts: map[string][]byte{}}
	for _, p := range parts {
		encrypted, err := encrypt(key, m.Reference, p)
		if err != nil {
			return nil, err
		}
		b.parts[p.Name] = encrypted
		m.Parts = append(m.Parts, Part{
			Name: p.Name, Size: len(encrypted), Encrypted: digest(encrypted), Plaintext: digest(p.Data)})
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	b.Manifest = m
	b.manifest, err = m.encode()
	return b, err
}

// ManifestBytes are the canonical bytes of the manifest: what the log has a leaf of.
func (b *Bundle) ManifestBytes() []byte { return bytes.Clone(b.manifest) }

// Proof is the proof that the log has the manifest; nil for a bundle of the bucket.
func (b *Bundle) Proof() []byte { return bytes.Clone(b.proof) }

// ProofExtra is what the extra line of a proof has: the SHA-256 of the manifest. With a time-stamp, that of it follows,
// and that of these two: where one of the three is changed, it shows which.
func ProofExtra(manifest, timestamp []byte) []byte {
	sum := sha256.Sum256(manifest)
	if timestamp == nil {
		return sum[:]
	}
	token := sha256.Sum256(timestamp)
	both := slices.Concat(sum[:], token[:])
	check := sha256.Sum256(both)
	return slices.Concat(both, check[:])
}

// Evidence is the bundle as it is handed out: with the data key in plaintext, which unwrap decrypts, with a proof, and
// with a time-stamp of the proof's checkpoint, nil if there is none. The key opens this bundle and nothing else.
func (b *Bundle) Evidence(unwrap func(wrapped []byte) ([]byte, error), proof, timestamp []byte) (*Bundle, error) {
	if b.wrapped == nil {
		return nil, errors.New("the bundle already is evidence")
	}
	key, err := unwrap(b.wrapped)
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt the key of the record: %w", err)
	}
	if err := b.checkKey(key, WrappedKeyName); err != nil {
		return nil, err
	}
	handed := *b
	handed.key, handed.wrapped = bytes.Clone(key), nil
	handed.proof, handed.timestamp = bytes.Clone(proof), bytes.Clone(timestamp)
	return &handed, nil
}

// RecipientKey is the data key, encrypted to the recipient of the evidence; nil if it is not.
func (b *Bundle) RecipientKey() []byte { return bytes.Clone(b.forRecipient) }

// ForRecipient returns evidence whose data key is encrypted to a recipient, by encrypt, in place of the plaintext key.
func (b *Bundle) ForRecipient(encrypt func(key []byte) ([]byte, error)) (*Bundle, error) {
	if b.key == nil {
		return nil, ErrNoKey
	}
	encrypted, err := encrypt(b.key)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt the key of the record: %w", err)
	}
	handed := *b
	handed.key, handed.forRecipient = nil, encrypted
	return &handed, nil
}

// OpenWith decrypts every part with the key that was in RecipientKey.
func (b *Bundle) OpenWith(key []byte) (map[string][]byte, error) {
	if err := b.checkKey(key, RecipientKeyName); err != nil {
		return nil, err
	}
	own := *b
	own.key = key
	return own.Open()
}

// Open decrypts every part. ErrNoKey for a bundle of the bucket: see Evidence.
func (b *Bundle) Open() (map[string][]byte, error) {
	if b.key == nil {
		return nil, ErrNoKey
	}
	if err := b.checkKey(b.key, KeyName); err != nil {
		return nil, err
	}
	opened := map[string][]byte{}
	for _, p := range b.Manifest.Parts {
		plain, err := decrypt(b.key, b.Manifest.Reference, p.Name, b.parts[p.Name])
		if err != nil {
			return nil, err
		}
		if digest(plain) != p.Plaintext {
			return nil, faulty(p.Name, "its plaintext does not match the digest in the manifest")
		}
		opened[p.Name] = plain
	}
	return opened, nil
}

// checkKey compares a key with the commitment. Without it a second key could be found under which another text comes
// out of the same encrypted bytes: AES-GCM does not commit to its key.
func (b *Bundle) checkKey(key []byte, entry string) error {
	if subtle.ConstantTimeCompare([]byte(commitment(key)), []byte(b.Manifest.Commitment)) != 1 {
		return faulty(entry, "the key does not match the commitment in the manifest")
	}
	return nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
