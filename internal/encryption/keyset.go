// Package encryption encrypts what is kept with a Tink keyset: the payloads and
// failures of workflows, and the images of documents.
package encryption

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keyset encrypts what is kept: one key encrypts, the others still open what
// they once encrypted. The zero Keyset refuses both. A Keyset never prints
// what it holds.
type Keyset struct {
	opened *opened // a pointer for the reason that Keys has one
}

type opened struct {
	aead    tink.AEAD
	keys    int
	primary string          // the id of the key that encrypts
	ids     map[uint32]bool // of the keys that are enabled
}

// The errors of a keyset's text say nothing that was in it.
var (
	errNoKeyset  = errors.New("not a cleartext Tink JSON keyset")
	errNoPrimary = errors.New("the keyset has no enabled primary key")
	errOtherKeys = errors.New("the keyset has keys that are not AES-256-GCM")
)

// ParseKeyset reads a Tink keyset in cleartext JSON, as NewKeyset makes it and
// as tinkey does. Every key has to be for AES-256-GCM and the primary one has
// to be enabled. The error never repeats the text.
func ParseKeyset(text string) (Keyset, error) {
	handle, err := read(text)
	if err != nil {
		return Keyset{}, err
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return Keyset{}, errOtherKeys
	}
	o := &opened{aead: primitive, keys: handle.Len(), ids: map[uint32]bool{}}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return Keyset{}, errNoKeyset
		}
		if entry.KeyStatus() == keyset.Enabled {
			o.ids[entry.KeyID()] = true
		}
		if entry.IsPrimary() {
			o.primary = strconv.FormatUint(uint64(entry.KeyID()), 10)
		}
	}
	return Keyset{o}, nil
}

// NewKeyset draws a keyset of one key, on one line, ready for ParseKeyset.
func NewKeyset() (string, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return "", fmt.Errorf("cannot generate a keyset: %w", err)
	}
	return write(handle)
}

// RotateKeyset draws another key, which encrypts from now on; those that were
// there stay and open what they encrypted.
func RotateKeyset(text string) (string, error) {
	handle, err := read(text)
	if err != nil {
		return "", err
	}
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = manager.SetPrimary(id)
	}
	if err == nil {
		handle, err = manager.Handle()
	}
	if err != nil {
		return "", fmt.Errorf("cannot add a key to the keyset: %w", err)
	}
	return write(handle)
}

func read(text string) (*keyset.Handle, error) {
	// One JSON object and nothing after it: Tink would take the first of two.
	if !json.Valid([]byte(text)) {
		return nil, errNoKeyset
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(text)))
	if err != nil || handle.Len() == 0 {
		return nil, errNoKeyset
	}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, errNoKeyset
		}
		key, ok := entry.Key().(*aesgcm.Key)
		if !ok || key.KeyBytes().Len() != dataKeySize {
			return nil, errOtherKeys
		}
	}
	primary, err := handle.Primary()
	if err != nil || primary.KeyStatus() != keyset.Enabled {
		return nil, errNoPrimary
	}
	return handle, nil
}

func write(handle *keyset.Handle) (string, error) {
	var loose, line bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&loose)); err != nil {
		return "", fmt.Errorf("cannot write the keyset: %w", err)
	}
	// Compacted, because the blanks between Tink's tokens vary from one
	// program to the next, and variables have one line.
	if err := json.Compact(&line, loose.Bytes()); err != nil {
		return "", fmt.Errorf("cannot write the keyset: %w", err)
	}
	return line.String(), nil
}

// String says how many keys there are, and nothing about them.
func (k Keyset) String() string {
	if k.opened == nil {
		return "no keyset"
	}
	return fmt.Sprintf("a keyset of %d, not shown", k.opened.keys)
}

// Format prints String whatever the verb.
func (k Keyset) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue logs String.
func (k Keyset) LogValue() slog.Value { return slog.StringValue(k.String()) }
