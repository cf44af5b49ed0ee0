package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"durablekyc.example/cases"
)

// maxLineBytes bounds what one line may bring into memory: a line that can be
// used has about a hundred characters.
const maxLineBytes = 64 << 10

// The columns of a CSV file and the keys of an NDJSON object.
const (
	columnCustomer  = "customerId"
	columnReference = "reference"
	columnSyncMode  = "syncMode" // may be left out
)

var columns = []string{columnCustomer, columnReference, columnSyncMode}

// line is one customer of a batch, and where the file names it.
type line struct {
	number              int
	reference, customer string
	syncMode            *bool
}

// order is what a line orders, together with what all lines have in common.
func (l line) order(common cases.StartOptions) cases.StartOptions {
	common.Reference, common.CustomerID, common.SyncMode = l.reference, l.customer, l.syncMode
	return common
}

// lineError is a line that cannot be used; those after it may be. It repeats
// nothing that the line holds: who mixed up columns or files may have anything there.
type lineError struct {
	number int
	err    error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.number, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// lines reads a file, one line in memory at a time. After a *lineError it goes
// on; any other error is the last that it has to say.
func lines(format string, in io.Reader) iter.Seq2[line, error] {
	text := plainText(in)
	if format == formatCSV {
		return csvLines(text)
	}
	return jsonLines(text)
}

func jsonLines(text io.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		scanner := bufio.NewScanner(text)
		scanner.Buffer(nil, maxLineBytes)
		number := 0
		for scanner.Scan() {
			number++
			object := bytes.TrimSpace(scanner.Bytes())
			if len(object) == 0 {
				continue
			}
			l, err := fromObject(object)
			if l.number = number; err != nil {
				err = &lineError{number, err}
			}
			if !yield(l, err) {
				return
			}
		}
		switch err := scanner.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(line{}, fmt.Errorf("line %d: %w", number+1, errTooLong))
		case err != nil:
			yield(line{}, err)
		}
	}
}

var errFollowed = errors.New("trailing data after the JSON object")

func fromObject(text []byte) (line, error) {
	var object struct {
		CustomerID string `json:"customerId"`
		Reference  string `json:"reference"`
		SyncMode   *bool  `json:"syncMode"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&object)
	if err == nil && decoder.InputOffset() < int64(len(text)) {
		err = errFollowed
	}
	other, isOther := errors.AsType[*json.UnmarshalTypeError](err)
	broken, isBroken := errors.AsType[*json.SyntaxError](err)
	switch {
	case isOther && other.Field == columnSyncMode:
		err = errors.New("syncMode must be true or false")
	case isOther && other.Field != "":
		err = fmt.Errorf("%s must be a JSON string", other.Field)
	case isOther:
		err = errors.New("not a JSON object")
	case isBroken && broken.Offset <= int64(len(text)):
		err = fmt.Errorf("invalid JSON at byte %d", broken.Offset)
	case isBroken, errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("invalid JSON: unexpected end")
	case err != nil && strings.HasPrefix(err.Error(), "json: unknown field"): // it has no type of its own
		err = fmt.Errorf("unknown key: only %s, %s and %s are allowed", columnCustomer, columnReference, columnSyncMode)
	case err != nil:
		err = fmt.Errorf("invalid JSON: %w", err)
	}
	return line{reference: object.Reference, customer: object.CustomerID, syncMode: object.SyncMode}, err
}
