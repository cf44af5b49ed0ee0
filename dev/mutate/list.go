package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
)

// minKilled is the share of a package's mutants that its tests must kill, in per cent.
const minKilled = 95

// id names a mutant by what it changes and not by where that stands, so that the list outlives a change of other lines.
type id struct {
	file, function, mutation string
	number                   int    // which of several alike in the function, from 1
	text                     string // the line
}

// place is the first line of an entry in the list.
func (i id) place() string {
	return strings.Join([]string{i.file, i.function, i.mutation, strconv.Itoa(i.number)}, " ")
}

// readList reads the mutants that may live: of each its place, its line and, in what follows up to an empty line, the
// reason.
func readList(name string) (map[id]bool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	allowed := map[id]bool{}
	for entry := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		if strings.HasPrefix(entry, "#") {
			continue
		}
		lines := strings.Split(entry, "\n")
		place := strings.Fields(lines[0])
		if len(place) != 4 || len(lines) < 3 || !strings.HasPrefix(lines[1], "| ") || strings.TrimSpace(lines[2]) == "" {
			return nil, fmt.Errorf("%s: an entry is a place, a line and a reason: %s", name, lines[0])
		}
		number, err := strconv.Atoi(place[3])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, lines[0], err)
		}
		allowed[id{place[0], place[1], place[2], number, strings.TrimPrefix(lines[1], "| ")}] = true
	}
	return allowed, nil
}

// check prints the figures of a package and returns what does not pass.
func check(out io.Writer, pkg string, mutants []*mutant, allowed map[id]bool, all bool) error {
	var errs []error
	count := map[status]int{}
	found := map[id]bool{}
	for _, m := range mutants {
		count[m.status]++
		if m.status == killed || m.status == uncompiled {
			continue
		}
		if found[m.id] = allowed[m.id]; !allowed[m.id] {
			errs = append(errs, fmt.Errorf("%s and is not on the list (line %d):\n%s\n| %s", m.status, m.line, m.id.place(),
				m.id.text))
		}
	}
	tried := len(mutants) - count[uncompiled]
	rate := 100 * float64(count[killed]) / float64(max(tried, 1))
	fmt.Fprintf(out, "%s: %d mutants, %d killed (%.1f %%), %d live, %d do not end; %d more do not compile\n",
		pkg, tried, count[killed], rate, count[lived], count[timedOut], count[uncompiled])
	if !all {
		return errors.Join(errs...)
	}
	if rate < minKilled {
		errs = append(errs, fmt.Errorf("%s: %.1f %% of the mutants were killed, and %d %% must be", pkg, rate, minKilled))
	}
	for i := range allowed {
		if path.Dir(i.file) == pkg && !found[i] {
			errs = append(errs, fmt.Errorf("is on the list and does not live:\n%s\n| %s", i.place(), i.text))
		}
	}
	return errors.Join(errs...)
}
