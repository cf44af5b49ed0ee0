package cli

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// portion lets so much through at a time: encoding/csv would read a quote that is
// never closed to the end of the file, into memory.
type portion struct {
	in   io.Reader
	left int
}

var errTooLong = fmt.Errorf("longer than %d KB", maxLineBytes>>10)

func (p *portion) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, errTooLong
	}
	n, err := p.in.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

// csvFile reads the records of a CSV file as spreadsheets write it: rows of
// separators only are left out.
type csvFile struct {
	in      *portion
	records *csv.Reader
	skipped int // lines before those that records counts
	last    int // the line where the last record ended
}

func openCSV(text *bufio.Reader) (*csvFile, error) {
	separator, skipped, err := separatorOf(text)
	if err != nil {
		return nil, err
	}
	f := &csvFile{in: &portion{text, maxLineBytes}, skipped: skipped, last: skipped}
	f.records = csv.NewReader(f.in)
	f.records.Comma, f.records.FieldsPerRecord = separator, -1
	return f, nil
}

// next is the next record with the line it begins at, and io.EOF after the last one.
func (f *csvFile) next() (record []string, number int, err error) {
	for {
		f.in.left = maxLineBytes
		record, err = f.records.Read()
		broken, isBroken := errors.AsType[*csv.ParseError](err)
		switch {
		case errors.Is(err, errTooLong):
			return nil, 0, fmt.Errorf("line %d: %w: is a quote not closed?", f.last+1, errTooLong)
		case isBroken:
			f.last = f.skipped + broken.Line
			return nil, 0, &lineError{f.skipped + broken.StartLine, broken.Err}
		case err != nil:
			return nil, 0, err
		}
		line, _ := f.records.FieldPos(len(record) - 1)
		f.last = f.skipped + line
		number, _ = f.records.FieldPos(0)
		blank := true
		for i := range record {
			record[i] = strings.TrimSpace(record[i])
			blank = blank && record[i] == ""
		}
		if !blank {
			return record, f.skipped + number, nil
		}
	}
}

// separatorOf is what separates the cells of a file: what a first line such
// as sep=; says, which Excel reads and some programs write, or what there is
// most of in the first line that has any.
func separatorOf(text *bufio.Reader) (separator rune, skipped int, err error) {
	start, _ := text.Peek(peeked) // the end of a short file is no error here
	first, rest, ended := strings.Cut(string(start), "\n")
	if says, is := cutPrefixFold(strings.Trim(first, `"`), "sep="); is {
		separator, size := utf8.DecodeRuneInString(says)
		if size == 0 || strings.ContainsRune("\"\r\n\ufffd", separator) || strings.Trim(says[size:], ",;\t") != "" {
			return 0, 0, errors.New("the first line is sep= without a separator")
		}
		length := len(first)
		if ended {
			length++
		}
		_, err := text.Discard(length)
		return separator, 1, err
	}
	for line := first; ; line, rest, ended = strings.Cut(rest, "\n") {
		if separator := maxOf(line); separator != 0 {
			return separator, 0, nil
		}
		if !ended {
			return ',', 0, nil
		}
	}
}

// peeked is how much of a file is looked at to find its separator.
const peeked = 4 << 10

// maxOf is the separator that a line has most of, outside quotes; 0 if it has none.
func maxOf(line string) (separator rune) {
	var counts [utf8.RuneSelf]int
	quoted := false
	for _, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
		case !quoted && strings.ContainsRune(",;\t", r):
			counts[r]++
		}
	}
	for _, r := range ",;\t" {
		if counts[r] > counts[separator] {
			separator = r
		}
	}
	return separator
}

func cutPrefixFold(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

func csvLines(text *bufio.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		file, err := openCSV(text)
		if err != nil {
			yield(line{}, err)
			return
		}
		header, err := file.header()
		if err != nil {
			yield(line{}, err)
			return
		}
		for {
			record, number, err := file.next()
			var l line
			_, isBroken := errors.AsType[*lineError](err)
			switch {
			case errors.Is(err, io.EOF):
				return
			case isBroken:
			case err != nil:
				yield(line{}, err)
				return
			default:
				if l, err = fromRecord(header, record); err != nil {
					err = &lineError{number, err}
				}
				l.number = number
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// header is the columns that a file has, by the names that we give them. One
// without a name is there as well: spreadsheets write an empty last column.
func (f *csvFile) header() ([]string, error) {
	header, _, err := f.next()
	broken, isBroken := errors.AsType[*lineError](err)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty")
	case isBroken:
		err = broken.err
	case err == nil:
		err = checkHeader(header)
	}
	if err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	return header, nil
}

// checkHeader puts our own names in the place of those that mean the same. A
// name that is none of ours is not repeated: in a file without a header it is a cell.
func checkHeader(header []string) error {
	known := 0
	unknown := -1
	for i, name := range header {
		at := slices.IndexFunc(columns, func(column string) bool { return bare(column) == bare(name) })
		switch {
		case at >= 0 && slices.Contains(header[:i], columns[at]):
			return fmt.Errorf("duplicate column %q", columns[at])
		case at >= 0:
			header[i] = columns[at]
			known++
		case name != "" && unknown < 0:
			unknown = i
		}
	}
	switch {
	case unknown >= 0 && (known > 0 || nearest(header[unknown], columns) != ""):
		return fmt.Errorf("unknown column %d, %s", unknown+1, didYouMean(header[unknown], columns))
	case known == 0:
		return fmt.Errorf("it must have the columns %s and %s", columnCustomer, columnReference)
	}
	for _, name := range columns {
		if name != columnSyncMode && !slices.Contains(header, name) {
			return fmt.Errorf("missing column %q", name)
		}
	}
	return nil
}

// bare is a column's name as it is compared: Customer ID is customerId.
func bare(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

func fromRecord(header, record []string) (l line, err error) {
	// Spreadsheets leave out what is empty at the end of a row, and add more of it.
	for i, value := range record {
		switch {
		case value == "":
		case i >= len(header):
			return line{}, errFields
		case header[i] == "":
			return line{}, fmt.Errorf("column %d has a value, but no name in the header", i+1)
		}
	}
	for i, name := range header {
		switch {
		case i < len(record):
			err = errors.Join(err, l.set(name, record[i]))
		case name == columnCustomer || name == columnReference:
			return line{}, errFields
		}
	}
	return l, err
}

var errFields = errors.New("wrong number of fields")

func (l *line) set(column, value string) error {
	switch column {
	case columnCustomer:
		l.customer = value
	case columnReference:
		l.reference = value
	case columnSyncMode:
		switch strings.ToLower(value) { // spreadsheets write TRUE
		case "":
		case "true", "false":
			mode := strings.EqualFold(value, "true")
			l.syncMode = &mode
		default:
			return errors.New("syncMode must be true, false or empty")
		}
	}
	return nil
}
