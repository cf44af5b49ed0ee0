package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// What became of a line.
const (
	resultStarted  = "started"
	resultFound    = "found"    // the case was there, for this customer
	resultConflict = "conflict" // it was there, for another one
	resultEnded    = "ended"    // it was there, and was ended in Temporal without a result
	resultFailed   = "failed"
)

// result is one line of the result file. It names ids and no person.
type result struct {
	Line       int    `json:"line"`
	Reference  string `json:"reference"`
	CustomerID string `json:"customerId"`
	Result     string `json:"result"`
	Error      string `json:"error,omitempty"`
}

// done is whether nothing is left to do for the line.
func (r result) done() bool { return r.Result == resultStarted || r.Result == resultFound }

// everyResult begins like this; it distinguishes a torn line from a file of
// another program.
const everyResult = `{"line":`

// loadResults marks what earlier runs have brought through, by reference and
// customer: line numbers may have moved. It answers how many bytes of the file
// are whole lines. Whoever was killed while writing left a torn one behind
// them, which counts as not written: its case will be found.
func loadResults(name string, p *batchIndex) (whole int64, err error) {
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	text := bufio.NewReaderSize(file, maxLineBytes)
	for number := 1; ; number++ {
		told, err := text.ReadSlice('\n')
		torn := bytes.HasPrefix(told, []byte(everyResult)) || bytes.HasPrefix([]byte(everyResult), told)
		if errors.Is(err, io.EOF) && torn {
			return whole, nil
		}
		var r result
		if err == nil {
			decoder := json.NewDecoder(bytes.NewReader(told))
			decoder.DisallowUnknownFields()
			err = decoder.Decode(&r)
		}
		if err != nil || r.Result == "" {
			return 0, fmt.Errorf("line %d of %s is not a batch result; refusing to append", number, name)
		}
		whole += int64(len(told))
		if c, known := p.cases[r.Reference]; known && r.done() && c.customer == r.CustomerID {
			c.through = true
			p.cases[r.Reference] = c
		}
	}
}

// results opens a result file for what is added to it, after its whole lines.
// Each line is one write, so that it is with the system once its case is
// started, and only the last one can ever be torn.
func results(name string, whole int64) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Truncate(whole); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// summary is what became of a batch, or of as much as was done.
type summary struct {
	Lines    int    `json:"lines"`
	Started  int    `json:"started"`
	Found    int    `json:"found"`
	Earlier  int    `json:"earlier"` // done in an earlier run, by the result file
	Conflict int    `json:"conflict"`
	Ended    int    `json:"ended"` // in Temporal, without a result: the reference is used up
	Failed   int    `json:"failed"`
	Left     int    `json:"left"` // not tried
	Results  string `json:"results"`
}

// tried is how many lines this run has dealt with.
func (t summary) tried() int { return t.Started + t.Found + t.Conflict + t.Ended + t.Failed }

// progress is how far it is, after so long.
func (t summary) progress(after time.Duration) string {
	perSecond := float64(t.tried()) / after.Seconds()
	text := fmt.Sprintf("%d/%d · %.1f per second · %d failed", t.Lines-t.Left, t.Lines, perSecond,
		t.Failed+t.Ended+t.Conflict)
	if perSecond > 0 {
		text += " · " + formatDuration(time.Duration(float64(t.Left)/perSecond*float64(time.Second))) + " left"
	}
	return text
}

// summary is a line about all of a batch.
func (p printer) tally(t summary) error {
	if p.json {
		return p.value(t)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d lines: %d started, %d found", t.Lines, t.Started, t.Found)
	for _, more := range []struct {
		n    int
		what string
	}{{t.Earlier, "done before"}, {t.Conflict, "in conflict"}, {t.Ended, "ended in Temporal"}, {t.Failed, "failed"},
		{t.Left, "left"}} {
		if more.n > 0 {
			fmt.Fprintf(&text, ", %d %s", more.n, more.what)
		}
	}
	p.printf("%s; details in %s", text.String(), t.Results)
	return nil
}
