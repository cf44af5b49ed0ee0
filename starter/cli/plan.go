package cli

import (
	"errors"
	"fmt"
	"iter"

	"durablekyc.example/cases"
)

const (
	maxLines     = 100_000 // of which some 140 bytes each are remembered
	problemsTold = 20
)

// batchIndex is what a batch remembers of a file that was checked.
type batchIndex struct {
	lines int
	cases map[string]batchEntry // by reference
}

type batchEntry struct {
	customer string
	line     int  // the first one
	syncMode int8 // 0 none, 1 false, 2 true: a pointer would be an object for each
	through  bool
}

// check reads a file to its end and says everything that is wrong with it.
func (c batchCommand) check(all iter.Seq2[line, error], common cases.StartOptions) (*batchIndex, error) {
	p := &batchIndex{cases: map[string]batchEntry{}}
	var problems []error
	bad := 0
	for l, err := range all {
		_, isOne := errors.AsType[*lineError](err)
		if err != nil && !isOne {
			return nil, c.invalidFile(problems, "invalid input in %s, no case was started: %w", c.name(), err)
		}
		if p.lines++; p.lines > maxLines {
			return nil, c.invalidFile(nil, "%s has more than %d customers: split it", c.name(), maxLines)
		}
		if err == nil {
			err = p.add(l, common)
		}
		if err != nil {
			if bad++; bad <= problemsTold {
				problems = append(problems, err)
			}
		}
	}
	switch {
	case bad > problemsTold:
		problems = append(problems, fmt.Errorf("and %d more", bad-problemsTold))
		fallthrough
	case bad > 0:
		return nil, c.invalidFile(problems, "%d of the %d lines of %s are invalid, no case was started", bad, p.lines,
			c.name())
	case p.lines == 0:
		return nil, c.invalidFile(nil, "%s is empty", c.name())
	}
	return p, nil
}

func (c batchCommand) invalidFile(details []error, format string, args ...any) error {
	return &cliError{err: fmt.Errorf(format, args...), details: details, code: exitUsage, next: "starter batch --help"}
}

// add takes in a line, or says why not. The same line twice is one case, and no
// mistake.
func (p *batchIndex) add(l line, common cases.StartOptions) error {
	if err := l.order(common).Validate(); err != nil {
		return &lineError{l.number, err}
	}
	now := batchEntry{customer: l.customer, line: l.number}
	if l.syncMode != nil {
		now.syncMode = 1
		if *l.syncMode {
			now.syncMode = 2
		}
	}
	before, known := p.cases[l.reference]
	switch {
	case !known:
		p.cases[l.reference] = now
	case before.customer != now.customer:
		return &lineError{l.number, fmt.Errorf("duplicate reference: line %d has it for another customer", before.line)}
	case before.syncMode != now.syncMode:
		return &lineError{l.number, fmt.Errorf("duplicate reference: line %d has it with another syncMode", before.line)}
	}
	return nil
}
