package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/verify"
)

// encryptedTo returns evidence that only these recipients can open; without any, the evidence as it is.
func encryptedTo(evidence *bundle.Bundle, recipients []age.Recipient) (*bundle.Bundle, error) {
	if len(recipients) == 0 {
		return evidence, nil
	}
	return evidence.ForRecipient(func(key []byte) ([]byte, error) {
		var out bytes.Buffer
		w, err := age.Encrypt(&out, recipients...)
		if err == nil {
			_, err = w.Write(key)
			err = errors.Join(err, w.Close())
		}
		return out.Bytes(), err
	})
}

// parseRecipients reads public keys of age, as age1….
func parseRecipients(texts []string) (all []age.Recipient, err error) {
	for _, text := range texts {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a recipient, as age1… that age-keygen prints", text)
		}
		all = append(all, r)
	}
	return all, nil
}

// decrypter reads the identities in a file, and decrypts keys with them.
func decrypter(path string) (func(encrypted []byte) ([]byte, error), error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	identities, err := age.ParseIdentities(file)
	if err != nil {
		return nil, fmt.Errorf("%s has no identity of age: AGE-SECRET-KEY-… is wanted", path) // the error may repeat a line
	}
	return func(encrypted []byte) ([]byte, error) {
		r, err := age.Decrypt(bytes.NewReader(encrypted), identities...)
		if _, isOther := errors.AsType[*age.NoIdentityMatchError](err); isOther {
			return nil, verify.ErrNotRecipient
		}
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}, nil
}
