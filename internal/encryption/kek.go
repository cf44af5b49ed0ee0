package encryption

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets" // base64key://; drivers of clouds are imported by mains
)

// A keyset may be kept encrypted, in Tink's own form for that, with a key that
// a KMS holds and never shows. One URL says which: awskms://, gcpkms:// and
// azurekeyvault:// of gocloud.dev/secrets, which is beside the buckets' library
// already and asks each cloud with the SDK that its buckets brought (Tink's own
// clients would be a module each, and have none for Azure); base64key:// is a
// key on the spot, for tests and for those who have no KMS. A KMS is asked once,
// when a program starts.

var (
	errNotWrapped = errors.New("not an encrypted Tink JSON keyset (see starter keys wrap)")
	errWrapped    = errors.New("the keyset is encrypted, but no key to decrypt it is set")
)

// OpenKeyset is ParseKeyset for a keyset that may be encrypted: it has to be if
// kek is the URL of a key, and must not be if kek is empty. No error repeats the
// text, or a key that is in a URL.
func OpenKeyset(ctx context.Context, text, kek string) (Keyset, error) {
	if kek == "" {
		if wrapped(text) {
			return Keyset{}, errWrapped
		}
		return ParseKeyset(text)
	}
	plain, err := UnwrapKeyset(ctx, text, kek)
	if err != nil {
		return Keyset{}, err
	}
	return ParseKeyset(plain)
}

// WrapKeyset encrypts a keyset with the key at a URL, for OpenKeyset.
func WrapKeyset(ctx context.Context, text, kek string) (string, error) {
	handle, err := read(text)
	if err != nil {
		return "", err
	}
	master, err := openMaster(ctx, kek)
	if err != nil {
		return "", err
	}
	defer func() { _ = master.Close() }() // after the only call there is
	var loose, line bytes.Buffer
	if err := handle.WriteWithContext(ctx, keyset.NewJSONWriter(&loose), master, nil); err != nil {
		return "", master.explain("cannot encrypt the keyset")
	}
	if err := json.Compact(&line, loose.Bytes()); err != nil {
		return "", fmt.Errorf("cannot write the keyset: %w", err)
	}
	return line.String(), nil
}

// UnwrapKeyset is a keyset in clear that WrapKeyset encrypted: to add a key to
// it, say.
func UnwrapKeyset(ctx context.Context, text, kek string) (string, error) {
	if !wrapped(text) {
		return "", errNotWrapped
	}
	master, err := openMaster(ctx, kek)
	if err != nil {
		return "", err
	}
	defer func() { _ = master.Close() }()
	handle, err := keyset.ReadWithContext(ctx, keyset.NewJSONReader(strings.NewReader(text)), master, nil)
	if err != nil {
		return "", master.explain("cannot decrypt the keyset")
	}
	var plain bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&plain)); err != nil {
		return "", fmt.Errorf("cannot read the keyset: %w", err)
	}
	return plain.String(), nil
}

func wrapped(text string) bool {
	var form struct {
		EncryptedKeyset string `json:"encryptedKeyset"`
	}
	return json.Unmarshal([]byte(text), &form) == nil && form.EncryptedKeyset != ""
}

// master is a keeper of gocloud.dev as Tink wants a key that encrypts keysets.
// It remembers why a KMS refused: Tink does not say.
type master struct {
	*secrets.Keeper
	scheme string
	err    error
}

func openMaster(ctx context.Context, kek string) (*master, error) {
	scheme, key, found := strings.Cut(kek, "://")
	switch {
	case !found:
		return nil, errors.New("the key of the keyset must be a URL such as awskms://alias/kyc?region=eu-central-1")
	case !secrets.DefaultURLMux().ValidKeeperScheme(scheme):
		return nil, fmt.Errorf("%s:// is not supported: use one of %s", scheme,
			strings.Join(secrets.DefaultURLMux().KeeperSchemes(), "://, ")+"://")
	case scheme == localsecrets.Scheme && key == "":
		return nil, errors.New("base64key:// has no key") // and would open a new one every time
	}
	keeper, err := secrets.OpenKeeper(ctx, kek)
	m := &master{Keeper: keeper, scheme: scheme, err: err}
	if err != nil {
		return nil, m.explain("is not usable")
	}
	return m, nil
}

// explain gives the KMS' own reason, unless the URL contains the key: then
// nothing is worth the risk.
func (m *master) explain(what string) error {
	if m.scheme == localsecrets.Scheme || m.err == nil {
		return fmt.Errorf("the key at %s:// %s", m.scheme, what)
	}
	return fmt.Errorf("the key at %s:// %s: %w", m.scheme, what, m.err)
}

var errAssociated = errors.New("a KMS takes no associated data")

func (m *master) EncryptWithContext(ctx context.Context, plain, associated []byte) (sealed []byte, err error) {
	if len(associated) > 0 {
		return nil, errAssociated
	}
	sealed, m.err = m.Encrypt(ctx, plain)
	return sealed, m.err
}

func (m *master) DecryptWithContext(ctx context.Context, sealed, associated []byte) (plain []byte, err error) {
	if len(associated) > 0 {
		return nil, errAssociated
	}
	plain, m.err = m.Decrypt(ctx, sealed)
	return plain, m.err
}
