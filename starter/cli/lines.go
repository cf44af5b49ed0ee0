package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"durablekyc.example/workflows"
)

// longestLine bounds what one line may bring into memory: a line that can be
// used has about a hundred characters.
const longestLine = 64 << 10

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
func (l line) order(common workflows.Order) workflows.Order {
	common.Reference, common.CustomerID, common.SyncMode = l.reference, l.customer, l.syncMode
	return common
}

// lineError is a line that cannot be used; those after it may be. It repeats
// nothing that the line holds but names of columns: who mixed up columns may
// have anything there.
type lineError struct {
	number int
	err    error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.number, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// lines reads a file, one line in memory at a time. After a *lineError it goes
// on; any other error is the last that it has to say.
func lines(format string, in io.Reader) iter.Seq2[line, error] {
	text := bufio.NewReader(in)
	if mark, _ := text.Peek(3); string(mark) == "\xef\xbb\xbf" { // as spreadsheets write it
		_, _ = text.Discard(len(mark)) // it was just peeked at
	}
	if format == formatCSV {
		return csvLines(text)
	}
	return jsonLines(text)
}

// portion hands on so much at a time: encoding/csv would read a quote that is
// never closed to the end of the file, into memory.
type portion struct {
	in   io.Reader
	left int
}

var errTooLong = fmt.Errorf("it is longer than %d KB", longestLine>>10)

func (p *portion) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, errTooLong
	}
	n, err := p.in.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

func csvLines(text io.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		in := &portion{text, longestLine}
		records := csv.NewReader(in)
		header, err := records.Read()
		switch {
		case errors.Is(err, io.EOF):
			yield(line{}, errors.New("the file is empty"))
			return
		case err == nil:
			err = checkHeader(header)
		}
		if err != nil {
			yield(line{}, fmt.Errorf("the header: %w", bare(err)))
			return
		}
		for last := 1; ; {
			in.left = longestLine
			record, err := records.Read()
			var l line
			var broken *csv.ParseError
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, errTooLong):
				yield(line{}, fmt.Errorf("line %d: %w: is there a quote that is never closed?", last+1, errTooLong))
				return
			case errors.As(err, &broken):
				last, err = broken.Line, &lineError{broken.StartLine, bare(err)}
			case err != nil:
				yield(line{}, err)
				return
			default:
				last, _ = records.FieldPos(len(record) - 1)
				l, err = fromRecord(header, record)
				if l.number, _ = records.FieldPos(0); err != nil {
					err = &lineError{l.number, err}
				}
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// bare is an error of encoding/csv's without the place, which is told already.
func bare(err error) error {
	var broken *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return errors.New("it has not as many fields as the header")
	case errors.As(err, &broken):
		return broken.Err
	}
	return err
}

func checkHeader(header []string) error {
	for i, name := range header {
		if slices.Contains(header[:i], name) {
			return fmt.Errorf("the column %q is there twice", name)
		}
		if !slices.Contains(columns, name) {
			return fmt.Errorf("there is no column %q, %s", short(name), didYouMean(name, columns))
		}
	}
	for _, name := range columns {
		if name != columnSyncMode && !slices.Contains(header, name) {
			return fmt.Errorf("the column %q is missing", name)
		}
	}
	return nil
}

// short keeps a sentence a sentence, whatever a name has become.
func short(name string) string {
	if runes := []rune(name); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return name
}

func fromRecord(header, record []string) (l line, err error) {
	for i, name := range header {
		switch value := record[i]; name {
		case columnCustomer:
			l.customer = value
		case columnReference:
			l.reference = value
		default:
			switch strings.ToLower(value) { // spreadsheets write TRUE
			case "":
			case "true", "false":
				mode := strings.EqualFold(value, "true")
				l.syncMode = &mode
			default:
				err = errors.New("syncMode must be true, false or nothing")
			}
		}
	}
	return l, err
}

func jsonLines(text io.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		scanner := bufio.NewScanner(text)
		scanner.Buffer(nil, longestLine)
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
		err = errors.New("something follows the object")
	}
	var other *json.UnmarshalTypeError
	switch {
	case errors.As(err, &other) && other.Field == columnSyncMode:
		err = errors.New("syncMode must be true or false")
	case errors.As(err, &other) && other.Field != "":
		err = fmt.Errorf("%s must be a text in quotes", other.Field)
	case errors.As(err, &other):
		err = errors.New("it is no JSON object")
	case err != nil:
		err = fmt.Errorf("it cannot be used as JSON: %s", short(strings.TrimPrefix(err.Error(), "json: ")))
	}
	return line{reference: object.Reference, customer: object.CustomerID, syncMode: object.SyncMode}, err
}
