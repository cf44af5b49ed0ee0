package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// told is what a file says, a line each, and its errors.
func told(format, text string) (all []string) {
	for l, err := range lines(format, strings.NewReader(text)) {
		_, isOne := errors.AsType[*lineError](err)
		switch {
		case isOne:
			all = append(all, err.Error())
		case err != nil:
			all = append(all, "end: "+err.Error())
		default:
			mode := "-"
			if l.syncMode != nil {
				mode = fmt.Sprint(*l.syncMode)
			}
			all = append(all, fmt.Sprintf("%d %s %s %s", l.number, l.reference, l.customer, mode))
		}
	}
	return all
}

func TestLines(t *testing.T) {
	for name, test := range map[string]struct {
		format, text string
		want         []string
	}{
		"csv":                  {"csv", "customerId,reference\nc1,A1\nc2,A2\n", []string{"2 A1 c1 -", "3 A2 c2 -"}},
		"csv, no last newline": {"csv", "customerId,reference\nc1,A1", []string{"2 A1 c1 -"}},
		"csv, BOM and CRLF": {"csv", "\xef\xbb\xbfcustomerId,reference\r\nc1,A1\r\n\r\nc2,A2\r\n",
			[]string{"2 A1 c1 -", "4 A2 c2 -"}},
		"csv, another order": {"csv", "syncMode,reference,customerId\nTRUE,A1,c1\nfalse,A2,c2\n,A3,c3\n",
			[]string{"2 A1 c1 true", "3 A2 c2 false", "4 A3 c3 -"}},
		"csv, quoted": {"csv", "\"customerId\",\"reference\"\n\"c1\",\"A1\"\n", []string{"2 A1 c1 -"}},
		"csv, quoted over lines": {"csv", "customerId,reference\n\"c\n1\",A1\nc2,A2\n", []string{"2 A1 c\n1 -",
			"4 A2 c2 -"}},
		"csv, bad lines": {"csv", "customerId,reference,syncMode\nc1\nc2,A2,yes\nc\"3,A3,\nc4,A4,\n",
			[]string{"line 2: wrong number of fields", "line 3: syncMode must be true, false or empty",
				`line 4: bare " in non-quoted-field`, "5 A4 c4 -"}},
		"csv, quote without end": {"csv", "customerId,reference\nc1,\"A1\nc2,A2\n",
			[]string{`line 2: extraneous or missing " in quoted-field`}},
		"csv, quote for ever": {"csv", "customerId,reference\nc1,A1\nc2,\"A2" + strings.Repeat("\nc3,A3", 1<<14),
			[]string{"2 A1 c1 -", "end: line 3: longer than 64 KB: is a quote not closed?"}},
		"csv, long line": {"csv", "customerId,reference\nc1," + strings.Repeat("x", 1<<17),
			[]string{"end: line 2: longer than 64 KB: is a quote not closed?"}},
		"csv, empty": {"csv", "", []string{"end: the file is empty"}},
		"csv, unknown column": {"csv", "customerId,reference,lastName\nc1,A1,x\n",
			[]string{"end: the header: unknown column 3, use one of customerId, reference, syncMode"}},
		"csv, nearly right": {"csv", "custmerId,reference\nc1,A1\n",
			[]string{"end: the header: unknown column 1, did you mean customerId?"}},
		"csv, twice": {"csv", "customerId,reference,Reference\n",
			[]string{`end: the header: duplicate column "reference"`}},
		"csv, missing": {"csv", "reference,syncMode\n",
			[]string{`end: the header: missing column "customerId"`}},
		"ndjson": {"ndjson", `{"customerId":"c1","reference":"A1"}` + "\n" +
			`{"reference":"A2","customerId":"c2","syncMode":false}` + "\n", []string{"1 A1 c1 -", "2 A2 c2 false"}},
		"ndjson, BOM and CRLF": {"ndjson",
			"\xef\xbb\xbf{\"customerId\":\"c1\",\"reference\":\"A1\"}\r\n" +
				"\r\n {\"customerId\":\"c2\",\"reference\":\"A2\"} \r\n", []string{"1 A1 c1 -", "3 A2 c2 -"}},
		"ndjson, null": {"ndjson", `{"customerId":"c1","reference":"A1","syncMode":null}`, []string{"1 A1 c1 -"}},
		"ndjson, unknown key": {"ndjson", `{"customerId":"c1","reference":"A1","lastName":"Doe"}`,
			[]string{`line 1: unknown key: only customerId, reference and syncMode are allowed`}},
		"ndjson, other types": {"ndjson", `{"customerId":1}` + "\n" + `{"syncMode":"true"}` + "\n[1]\n",
			[]string{"line 1: customerId must be a JSON string", "line 2: syncMode must be true or false",
				"line 3: not a JSON object"}},
		"ndjson, two on a line": {"ndjson", `{"customerId":"c1","reference":"A1"} {"customerId":"c2","reference":"A2"}`,
			[]string{"line 1: invalid JSON: trailing data after the JSON object"}},
		"ndjson, cut off": {"ndjson", `{"customerId":"c1",` + "\n" + `{"customerId":"c2","reference":"A2"}`,
			[]string{"line 1: invalid JSON: unexpected end", "2 A2 c2 -"}},
		"ndjson, long line": {"ndjson", "{}\n" + strings.Repeat("x", 1<<17),
			[]string{"1   -", "end: line 2: longer than 64 KB"}},
		"ndjson, no line": {"ndjson", "\n\n", nil},
		"a CSV taken for NDJSON": {"ndjson", "customerId,reference\n",
			[]string{"line 1: invalid JSON at byte 1"}},
		"an NDJSON taken for CSV": {"csv", `{"customerId":"c1","reference":"A1"}`,
			[]string{`end: the header: bare " in non-quoted-field`}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, told(test.format, test.text)) })
	}
}

// What spreadsheets write is read as it is meant.
func TestLinesOfSpreadsheets(t *testing.T) {
	const plain = "customerId,reference\nc1,A1\nc2,A2\n"
	both := []string{"2 A1 c1 -", "3 A2 c2 -"}
	sixteen := func(order unicode.Endianness, mark unicode.BOMPolicy, text string) string {
		encoded, err := unicode.UTF16(order, mark).NewEncoder().String(text)
		require.NoError(t, err)
		return encoded
	}
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"semicolons": {"customerId;reference\r\nc1;A1\r\nc2;A2\r\n", both},
		"tabs":       {"customerId\treference\nc1\tA1\nc2\tA2\n", both},
		"semicolons, a quoted comma": {"\"customerId\";\"reference\";\",,,\"\n",
			[]string{"end: the header: unknown column 3, use one of customerId, reference, syncMode"}},
		"UTF-16LE":                {sixteen(unicode.LittleEndian, unicode.UseBOM, plain), both},
		"UTF-16BE":                {sixteen(unicode.BigEndian, unicode.UseBOM, plain), both},
		"UTF-16LE without a mark": {sixteen(unicode.LittleEndian, unicode.IgnoreBOM, plain), both},
		"UTF-16BE without a mark": {sixteen(unicode.BigEndian, unicode.IgnoreBOM, plain), both},
		"UTF-16, tabs and CRLF": {sixteen(unicode.LittleEndian, unicode.UseBOM,
			"customerId\treference\r\nc1\tA1\r\nc2\tA2\r\n"), both},
		"CR":                       {"customerId,reference\rc1,A1\rc2,A2\r", both},
		"CR, CRLF and LF":          {"customerId,reference\r\nc1,A1\rc2,A2\n", both},
		"sep=":                     {"sep=,\ncustomerId,reference\nc1,A1\n", []string{"3 A1 c1 -"}},
		"SEP= with a mark":         {"\xef\xbb\xbfSEP=;\r\ncustomerId;reference\r\nc1;A1\r\n", []string{"3 A1 c1 -"}},
		"sep= quoted, another one": {"\"sep=|\"\ncustomerId|reference\nc1|A1\n", []string{"3 A1 c1 -"}},
		"sep= in a cell":           {"sep=;;\ncustomerId;reference\nc1;A1\n", []string{"3 A1 c1 -"}},
		"sep= of nothing": {"sep=\ncustomerId,reference\nc1,A1\n",
			[]string{"end: the first line is sep= without a separator"}},
		"sep= and no more": {"sep=;", []string{"end: the file is empty"}},
		"separators only": {"customerId,reference\nc1,A1\n,\n , \n\nc2,A2\n,\n,\n",
			[]string{"2 A1 c1 -", "6 A2 c2 -"}},
		"separators before a header": {",\n\ncustomerId,reference\nc1,A1\n", []string{"4 A1 c1 -"}},
		"separators, more of them":   {"customerId,reference\nc1,A1\n,,,\n", []string{"2 A1 c1 -"}},
		"an empty last column":       {"customerId,reference,\nc1,A1,\nc2,A2\n", both},
		"a value without a name": {"customerId,reference,\nc1,A1,x\nc2,A2,\n",
			[]string{"line 2: column 3 has a value, but no name in the header", "3 A2 c2 -"}},
		"a value beyond the header": {"customerId,reference\nc1,A1,x\nc2,A2,,\n",
			[]string{"line 2: wrong number of fields", "3 A2 c2 -"}},
		"names in any case":         {" Customer ID ,REFERENCE,Sync_Mode\nc1,A1,true\n", []string{"2 A1 c1 true"}},
		"blanks around values":      {"customerId,reference\n c1 ,\u00a0A1\nc2,A2\n", both},
		"a last value that is none": {"customerId,reference,syncMode\nc1,A1\nc2,A2\n", both},
		"no header": {"c1,A1\nc2,A2\n",
			[]string{"end: the header: it must have the columns customerId and reference"}},
		"separators alone": {",\n,\n", []string{"end: the file is empty"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, told(formatCSV, test.text)) })
	}
	t.Run("NDJSON", func(t *testing.T) {
		const objects = `{"customerId":"c1","reference":"A1"}` + "\r" + `{"customerId":"c2","reference":"A2"}`
		require.Equal(t, []string{"1 A1 c1 -", "2 A2 c2 -"}, told(formatNDJSON, sixteen(unicode.LittleEndian, unicode.UseBOM,
			objects)))
	})
}

// Nothing of a file comes back in an error, whatever is wrong with it: who mixed up columns or files may have a
// person's data anywhere.
func TestErrorsRepeatNothingOfAFile(t *testing.T) {
	const secret = "Zyxwvut"
	const header = "customerId,reference,syncMode\n"
	for format, texts := range map[string][]string{
		formatCSV: {
			secret, secret + "\r" + secret, secret + ",reference\n", "customerId,reference," + secret, "sep=" + secret + "\n" +
				secret + "\n",
			header + secret, header + "c1,A1," + secret, header + "c1,A1,," + secret, header + "\"" + secret, header + secret +
				"\"," + secret,
			header + "c-1," + secret + ",\nc1," + secret + ",", header + "c1," + secret + ",\nc2," + secret + ",", header +
				"c1," + secret + ",\nc1," + secret + ",true",
			"customerId;" + secret + "\n", "\xff\xfe" + secret, secret + strings.Repeat("x", 1<<17),
		},
		formatNDJSON: {secret, `{"` + secret + `":1}`, `{"customerId":` + secret + `}`, `{"reference":["` + secret + `"]}`,
			`"` + secret + `"`, `{"customerId":"` + secret + "\x01\"}"},
	} {
		for _, text := range texts {
			_, err := batchCommand{File: "wave." + format}.check(lines(format, strings.NewReader(text)), every)
			var p *cliError
			require.ErrorAs(t, err, &p, text)
			for _, e := range append(p.details, err) {
				require.NotContains(t, strings.ToLower(e.Error()), strings.ToLower(secret), text)
			}
		}
	}
}

// every is what all cases have in common.
var every = cases.StartOptions{Policy: kyc.DefaultPolicy()}

func planOf(t *testing.T, text string) (*batchIndex, error) {
	t.Helper()
	return batchCommand{File: "wave.csv"}.check(lines(formatCSV, strings.NewReader("customerId,reference,syncMode\n"+
		text)), every)
}

func TestEverythingIsCheckedFirst(t *testing.T) {
	for name, test := range map[string]struct {
		text    string
		says    string
		details []string
	}{
		"none": {"", "wave.csv is empty", nil},
		"one reference of two": {"c1,A1,\nc2,A2,\nc3,A1,\n",
			"1 of the 3 lines of wave.csv are invalid, no case was started", []string{
				"line 4: duplicate reference: line 2 has it for another customer"}},
		"one in two ways": {"c1,A1,\nc1,A1,true\nc1,A1,false\n", "2 of the 3 lines",
			[]string{"line 3: duplicate reference: line 2 has it with another syncMode",
				"line 4: duplicate reference: line 2 has it with another syncMode"}},
		"no ids": {"c1,a_b,\nc-2,A2,\nc3,A3,\n", "2 of the 3 lines",
			[]string{"line 2: the reference must be 1 to 32 letters or digits (no underscore, hyphen or space)",
				"line 3: the customer id must be 1 to 36 letters, digits or underscores"}},
		"of all sorts": {"c1\nc2,A2,no\nc3,,\n", "3 of the 3 lines",
			[]string{"line 2: wrong number of fields", "line 3: syncMode must be",
				"line 4: the reference must be"}},
		"no quote's end": {"c1,a_b,\nc2,\"A2" + strings.Repeat("x", 1<<17),
			"invalid input in wave.csv, no case was started: line 3: longer", []string{"line 2: the reference must be"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := planOf(t, test.text)
			require.ErrorContains(t, err, test.says)
			var p *cliError
			require.ErrorAs(t, err, &p)
			require.Equal(t, exitUsage, p.code)
			require.Len(t, p.details, len(test.details))
			for i, says := range test.details {
				require.ErrorContains(t, p.details[i], says)
			}
		})
	}
	t.Run("the same twice is one", func(t *testing.T) {
		p, err := planOf(t, "c1,A1,true\nc1,A1,TRUE\n")
		require.NoError(t, err)
		require.Equal(t, 2, p.lines)
		require.Equal(t, map[string]batchEntry{"A1": {customer: "c1", line: 2, syncMode: 2}}, p.cases)
	})
	t.Run("the list has an end", func(t *testing.T) {
		_, err := planOf(t, strings.Repeat("c1,a_b,\n", 1234))
		var p *cliError
		require.ErrorAs(t, err, &p)
		require.Len(t, p.details, 21)
		require.EqualError(t, p.details[20], "and 1214 more")
	})
}

// many is a file of so many padded lines that nobody ever has in one piece. It
// notes how much memory lives while it is read.
type many struct {
	lines, padding, at int
	rest               string
	most               uint64
}

func (m *many) Read(b []byte) (int, error) {
	if m.rest == "" {
		if m.at == m.lines {
			return 0, io.EOF
		}
		m.at++
		m.rest = fmt.Sprintf(`{"customerId":"cstap_6reGTr3k8vpAu8uF%08d",%s"reference":"extRefApplicationOfAName%06d"}`+"\n",
			m.at, strings.Repeat(" ", m.padding), m.at)
		if m.at%20_000 == 0 {
			m.most = max(m.most, living())
		}
	}
	n := copy(b, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func living() uint64 {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}

// Sixty megabytes go by, and what stays are the ids.
func TestAWaveIsNotHeldInMemory(t *testing.T) {
	before := living()
	file := &many{lines: maxLines, padding: 500}
	p, err := batchCommand{File: "wave.ndjson"}.check(lines(formatNDJSON, file), every)
	require.NoError(t, err)
	require.Len(t, p.cases, maxLines)
	most := max(file.most, living()) - before
	t.Logf("%d KB live at the most, %d bytes a line", most>>10, most/maxLines)
	require.Less(t, most, uint64(30<<20))

	_, err = batchCommand{File: "wave.ndjson"}.check(lines(formatNDJSON, &many{lines: maxLines + 1}), every)
	require.EqualError(t, err, "wave.ndjson has more than 100000 customers: split it")
}
