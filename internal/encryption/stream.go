package encryption

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// What Encrypt writes:
//
//	magic     3 bytes   "KYC"
//	form      1 byte    1
//	length    2 bytes   of the wrapped key, big endian
//	wrapped   length    a data key of 256 bits drawn for this stream alone, encrypted
//	                    with the keyset's primary key (Tink's own format, which names
//	                    the key); associated data: magic, form and the context
//	stream    the rest  Tink's AES256-GCM-HKDF streaming AEAD with the data key, in
//	                    segments of 64 KiB, each sealed with its number and whether it
//	                    is the last; associated data: everything before it and the context
//
// So rotation touches data keys alone, a keyset in a KMS would be asked once an
// object, and nothing of an object can be changed, cut off, appended or put in
// another's place without Decrypt refusing it. The size shows, to the byte.
const (
	magic       = "KYC\x01"
	dataKeySize = 32
	segmentSize = 64 << 10
	maxKey      = 1 << 10 // of a wrapped key: ours have 65 bytes, a KMS makes some hundred
)

// ErrSealed: what is read was not encrypted with these keys for this context,
// or is no longer what was encrypted.
var ErrSealed = errors.New("cannot decrypt with this keyset")

// Encrypt gives a writer whose bytes reach w encrypted, a segment at a time.
// Nobody can read them before it is closed, which does not close w. The
// context says what is kept and where: it is not stored, and opens nothing else.
func (k Keyset) Encrypt(w io.Writer, context string) (io.WriteCloser, error) {
	if k.opened == nil {
		return nil, errors.New("no keyset to encrypt with")
	}
	key := make([]byte, dataKeySize)
	rand.Read(key) // never fails: the runtime ends the program first
	wrapped, err := k.opened.aead.Encrypt(key, []byte(magic+context))
	if err != nil {
		return nil, fmt.Errorf("cannot wrap the key: %w", err)
	}
	header := binary.BigEndian.AppendUint16([]byte(magic), uint16(len(wrapped)))
	header = append(header, wrapped...)
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	cipher, err := streamCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewEncryptingWriter(w, append(header, context...))
}

// Decrypt gives a reader of what was encrypted for this context. ErrSealed, at
// once or from a later read, if there is no such thing in r: a reader that has seen
// io.EOF, and only they, has all of it as it was. An error of r's own is passed on.
func (k Keyset) Decrypt(r io.Reader, context string) (io.Reader, error) {
	if k.opened == nil {
		return nil, ErrSealed
	}
	source := &source{r: r}
	header := make([]byte, len(magic)+2)
	if _, err := io.ReadFull(source, header); err != nil {
		return nil, source.cause()
	}
	length := int(binary.BigEndian.Uint16(header[len(magic):]))
	if string(header[:len(magic)]) != magic || length > maxKey {
		return nil, ErrSealed
	}
	header = append(header, make([]byte, length)...)
	wrapped := header[len(header)-length:]
	if _, err := io.ReadFull(source, wrapped); err != nil {
		return nil, source.cause()
	}
	key, err := k.opened.aead.Decrypt(wrapped, []byte(magic+context))
	if err != nil {
		return nil, ErrSealed
	}
	cipher, err := streamCipher(key)
	if err != nil {
		return nil, ErrSealed
	}
	plain, err := cipher.NewDecryptingReader(source, append(header, context...))
	if err != nil {
		return nil, source.cause()
	}
	return &decryptingReader{plain: plain, source: source}, nil
}

func streamCipher(key []byte) (*subtle.AESGCMHKDF, error) {
	return subtle.NewAESGCMHKDF(key, "SHA256", dataKeySize, segmentSize, 0)
}

// source remembers why its reader failed, so that a bucket that cannot be
// reached is distinguished from bytes that cannot be opened.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *source) cause() error {
	if s.err != nil {
		return s.err
	}
	return ErrSealed
}

// decryptingReader says one thing for good once something was wrong: Tink's reader,
// asked again after it refused the last segment, answers io.EOF.
type decryptingReader struct {
	plain  io.Reader
	source *source
	err    error
}

func (o *decryptingReader) Read(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.plain.Read(p)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && o.source.err == nil:
		o.err = io.EOF
	default:
		n, o.err = 0, o.source.cause()
	}
	return n, o.err
}
