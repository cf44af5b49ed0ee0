package cli

import (
	"bufio"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// plainText is a file as UTF-8 whose lines end in "\n", however a spreadsheet
// wrote it: UTF-8 or UTF-16, with a byte order mark or without.
func plainText(in io.Reader) *bufio.Reader {
	raw := bufio.NewReader(in)
	without := encoding.Nop.NewDecoder() // what there is without a mark
	// The files that are read here begin with an ASCII character.
	if start, _ := raw.Peek(2); len(start) == 2 && (start[0] == 0) != (start[1] == 0) {
		order := unicode.LittleEndian
		if start[0] == 0 {
			order = unicode.BigEndian
		}
		without = unicode.UTF16(order, unicode.IgnoreBOM).NewDecoder()
	}
	return bufio.NewReaderSize(&newlines{in: transform.NewReader(raw, unicode.BOMOverride(without))}, peeked)
}

// newlines makes one line end of the three there are: "\n", "\r\n", "\r".
type newlines struct {
	in    io.Reader
	after bool // the last byte was '\r'
}

func (l *newlines) Read(b []byte) (n int, err error) {
	for n == 0 && err == nil && len(b) > 0 {
		var read int
		read, err = l.in.Read(b)
		for _, c := range b[:read] {
			pair := c == '\n' && l.after
			l.after = c == '\r'
			if pair {
				continue
			}
			if c == '\r' {
				c = '\n'
			}
			b[n] = c
			n++
		}
	}
	return n, err
}
