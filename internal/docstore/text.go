package docstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
)

// maxText bounds a text that was shown to applicants, in bytes.
const maxText = 64 << 10

var validSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// PutText keeps a text that is shown to every applicant, such as a consent, and
// returns its SHA-256 in hexadecimal, by which Text finds it. It is no person's,
// so it is not encrypted, and no sweep deletes it. The same text again is kept once.
func (s *Store) PutText(ctx context.Context, text string) (sum string, err error) {
	if len(text) > maxText {
		return "", errors.New("a text that applicants are shown has at most 64 KiB")
	}
	digest := sha256.Sum256([]byte(text))
	sum = hex.EncodeToString(digest[:])
	if there, err := s.bucket.Exists(ctx, textKey(sum)); err != nil || there {
		return sum, translate(err)
	}
	return sum, s.write(ctx, textKey(sum), "text/plain", func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// Text reads a text by its SHA-256 in hexadecimal; ok is false if there is none,
// and where what is there is another text.
func (s *Store) Text(ctx context.Context, sum string) (text string, ok bool, err error) {
	if !validSum.MatchString(sum) {
		return "", false, nil
	}
	r, err := s.bucket.NewReader(ctx, textKey(sum), nil)
	if err := translate(err); err != nil {
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		return "", false, err
	}
	defer func() { _ = r.Close() }()
	all, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return "", false, translate(err)
	}
	digest := sha256.Sum256(all)
	return string(all), hex.EncodeToString(digest[:]) == sum, nil
}

func textKey(sum string) string { return "texts/" + sum + ".txt" }
