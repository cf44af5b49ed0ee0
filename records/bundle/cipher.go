package bundle

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// What encrypt writes: a random nonce of 12 bytes, and AES-256-GCM of the part with a tag of 16. Associated data:
// purpose, reference and name of the part, so that no part opens in another's place or in another case's bundle.
const (
	partPurpose = "durablekyc record part v1\x00"
	keyPurpose  = "durablekyc record key v1\x00"
	overhead    = 12 + 16
)

// commitment is the SHA-256 of the purpose and the key, in hexadecimal. A key of 256 random bits cannot be guessed
// from it, and no second key has the same one.
func commitment(key []byte) string {
	sum := sha256.Sum256(append([]byte(keyPurpose), key...))
	return hex.EncodeToString(sum[:])
}

func newCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func encrypt(key []byte, reference string, p Plain) ([]byte, error) {
	gcm, err := newCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt the part %s: %w", p.Name, err)
	}
	return gcm.Seal(nil, nil, p.Data, associated(reference, p.Name)), nil
}

func decrypt(key []byte, reference, name string, encrypted []byte) ([]byte, error) {
	gcm, err := newCipher(key)
	if err != nil {
		return nil, faulty(KeyName, "not a key of %d bytes", KeySize)
	}
	plain, err := gcm.Open(nil, nil, encrypted, associated(reference, name))
	if err != nil {
		return nil, faulty(name, "cannot be decrypted with the key of this bundle, or belongs to another case")
	}
	return plain, nil
}

func associated(reference, name string) []byte {
	return []byte(partPurpose + reference + "\x00" + name)
}
