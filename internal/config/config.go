// Package config reads configuration: a variable, or the file that its twin
// NAME_FILE names, from the environment or from what a running dev stack wrote
// down, and refuses a secret that is weak or published. Nothing in here looks at the process: mains pass os.LookupEnv
// in.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Lookup finds a variable, like os.LookupEnv.
type Lookup func(name string) (value string, ok bool)

// fileSuffix turns a variable's name into that of its twin.
const fileSuffix = "_FILE"

// Value is the variable's value, or the content of the file that NAME_FILE
// names without the line end behind it. ok is false if neither is set; a
// variable that is set to nothing (NAME= in a shell, ${X:-} in compose) is not
// set. A byte-order mark in front is left out: an editor put it there. Having
// both, an empty file and UTF-16 are errors. No error shows a value or a content.
func (l Lookup) Value(name string) (value string, ok bool, err error) {
	value, set := l.present(name)
	path, fromFile := l.present(name + fileSuffix)
	switch {
	case set && fromFile:
		return "", false, fmt.Errorf("both %s and %s are set: unset one of them", name, name+fileSuffix)
	case !fromFile:
		return strings.TrimPrefix(value, byteOrderMark), set, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", false, fmt.Errorf("cannot read the file named by %s: %w", name+fileSuffix, cause(err))
	}
	if bytes.IndexByte(content, 0) >= 0 || bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content,
		[]byte("\xfe\xff")) {
		return "", false, fmt.Errorf("the file named by %s is UTF-16 or binary: save it as UTF-8 text", name+fileSuffix)
	}
	value = strings.TrimRight(strings.TrimPrefix(string(content), byteOrderMark), "\r\n")
	if strings.TrimSpace(value) == "" {
		return "", false, fmt.Errorf("the file named by %s is empty: write the value into it, or unset %s", name+fileSuffix,
			name+fileSuffix)
	}
	return value, true, nil
}

// Reread returns a function that reads the variable again, where current came
// from the file that NAME_FILE names: a renewed file is read without a restart of
// the program. A value of another source stays as it is for ever.
func (l Lookup) Reread(name, current string) func() (string, error) {
	if _, fromFile := l.present(name + fileSuffix); fromFile {
		if read, _, err := l.Value(name); err == nil && read == current {
			return func() (string, error) {
				value, _, err := l.Value(name)
				return value, err
			}
		}
	}
	return func() (string, error) { return current, nil }
}

// byteOrderMark is what some editors write before UTF-8.
const byteOrderMark = "\ufeff"

// present finds a variable that is set to something.
func (l Lookup) present(name string) (string, bool) {
	value, ok := l(name)
	if strings.TrimSpace(value) == "" {
		return "", false
	}
	return value, ok
}

// NonEmpty is lookup without the variables that are set to nothing: for
// libraries that would take nothing for a value.
func NonEmpty(lookup func(string) (string, bool)) func(string) (string, bool) {
	return Lookup(lookup).present
}

// cause is the reason without the path, which may be anything that a person
// put into a variable by mistake.
func cause(err error) error {
	if reason := errors.Unwrap(err); reason != nil {
		return reason
	}
	return err
}

// Chain asks one after the other; the first that has the variable wins. NAME
// and NAME_FILE are one variable here: a file named in the environment goes
// before a value in a later place, and does not clash with it.
func Chain(lookups ...Lookup) Lookup {
	return func(name string) (string, bool) {
		for _, lookup := range lookups {
			if value, ok := lookup.present(name); ok {
				return value, true
			}
			if _, ok := lookup.present(pairedName(name)); ok {
				return "", false
			}
		}
		return "", false
	}
}

func pairedName(name string) string {
	if base, ok := strings.CutSuffix(name, fileSuffix); ok {
		return base
	}
	return name + fileSuffix
}

// Map makes a Lookup of what DevFile read.
func Map(values map[string]string) Lookup {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}
