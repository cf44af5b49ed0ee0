package kyc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// decodeStrict reads exactly one JSON value and refuses unknown names.
func decodeStrict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}
