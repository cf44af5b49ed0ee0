package main

import (
	"bytes"
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// switched is a file with all its mutants in it: the environment says which one is so when the tests run. Lines stay
// where they are, so that what does not compile can be found.
func switched(text []byte, sites []*site, mutants []*mutant) []byte {
	// Of two that begin at one place, the wider one comes first.
	sites = slices.SortedFunc(slices.Values(sites), func(a, b *site) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return b.to - a.to
	})
	var out bytes.Buffer
	w := writer{text: text, mutants: mutants}
	w.write(&out, 0, len(text), sites)
	return out.Bytes()
}

type writer struct {
	text    []byte
	mutants []*mutant
}

// write copies what lies between two places, with the sites within.
func (w writer) write(out *bytes.Buffer, from, to int, sites []*site) {
	for len(sites) > 0 {
		s := sites[0]
		n := 1
		for n < len(sites) && sites[n].from < s.to {
			n++
		}
		if s.from >= from && s.to <= to {
			out.Write(w.text[from:s.from])
			w.writeSite(out, s, sites[1:n])
			from = s.to
		}
		sites = sites[n:]
	}
	out.Write(w.text[from:to])
}

// part is one operand as it is written.
func (w writer) part(span [2]int, inner []*site) string {
	var out bytes.Buffer
	w.write(&out, span[0], span[1], slices.DeleteFunc(slices.Clone(inner), func(s *site) bool {
		return s.from < span[0] ||
			s.to > span[1]
	}))
	return out.String()
}

func (w writer) writeSite(out *bytes.Buffer, s *site, inner []*site) {
	x, y := w.part(s.x, inner), w.part(s.y, inner)
	between := func(from, to int) string { return string(w.text[from:to]) }
	if s.unchanged || len(s.mutants) == 0 {
		w.write(out, s.from, s.to, inner)
		return
	}
	switch s.operator {
	case token.INC, token.DEC:
		fmt.Fprintf(out, "func() { if mutantNumber == %d { %s%s } else { %s%s } }()", s.mutants[0],
			x, w.mutants[s.mutants[0]-1].operator, x, s.operator)
	case token.ADD, token.SUB, token.MUL, token.QUO, token.REM:
		if s.x == [2]int{} {
			fmt.Fprintf(out, "mutantNegative(%d, %s)", s.mutants[0], y)
			return
		}
		length := len(s.operator.String())
		fmt.Fprintf(out, "%s(%d, %s%s,%s%s)", arithmetic[s.operator], s.mutants[0], x, between(s.x[1], s.at),
			between(s.at+length, s.y[0]), y)
	default: // a comparison: exactly one of these is evaluated
		var all, none []string
		for _, n := range s.mutants {
			all = append(all, fmt.Sprintf("mutantNumber == %d && (%s) %s (%s)", n, x, w.mutants[n-1].operator, y))
			none = append(none, fmt.Sprintf("mutantNumber != %d && ", n))
		}
		fmt.Fprintf(out, "(%s || %s(%s) %s (%s))", strings.Join(all, " || "), strings.Join(none, ""), x, s.operator, y)
	}
}

var arithmetic = map[token.Token]string{token.ADD: "mutantAdd", token.SUB: "mutantSubtract",
	token.MUL: "mutantMultiply",
	token.QUO: "mutantDivide", token.REM: "mutantRemainder"}

// helpers is the file that is added to the package.
const helpers = `
import (
	"os"
	"strconv"
)

var mutantNumber, _ = strconv.Atoi(os.Getenv("MUTANT"))

type mutantInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

type mutantNumeric interface {
	mutantInteger | ~float32 | ~float64
}

func mutantAdd[T mutantNumeric](n int, x, y T) T {
	if mutantNumber == n {
		return x - y
	}
	return x + y
}

func mutantSubtract[T mutantNumeric](n int, x, y T) T {
	if mutantNumber == n {
		return x + y
	}
	return x - y
}

func mutantMultiply[T mutantNumeric](n int, x, y T) T {
	if mutantNumber == n {
		return x / y
	}
	return x * y
}

func mutantDivide[T mutantNumeric](n int, x, y T) T {
	if mutantNumber == n {
		return x * y
	}
	return x / y
}

func mutantRemainder[T mutantInteger](n int, x, y T) T {
	if mutantNumber == n {
		return x * y
	}
	return x % y
}

func mutantNegative[T mutantNumeric](n int, x T) T {
	if mutantNumber == n {
		return x
	}
	return -x
}
`
