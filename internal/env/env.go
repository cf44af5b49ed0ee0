// Package env reads configuration: a variable, or the file that its twin
// NAME_FILE names, from the environment or from what a running dev stack wrote
// down. Nothing in here looks at the process: mains pass os.LookupEnv in.
package env

import (
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
// names without the line end behind it. ok is false if neither is set. Having
// both is an error, because nobody could tell which of them counts. No error
// shows a value or a content.
func (l Lookup) Value(name string) (value string, ok bool, err error) {
	value, set := l(name)
	path, fromFile := l(name + fileSuffix)
	switch {
	case set && fromFile:
		return "", false, fmt.Errorf("both %s and %s are set: unset one of them", name, name+fileSuffix)
	case !fromFile:
		return value, set, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", false, fmt.Errorf("the file that %s names cannot be read: %w", name+fileSuffix, cause(err))
	}
	return strings.TrimRight(string(content), "\r\n"), true, nil
}

// cause is the reason without the path, which may be anything that somebody
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
			if value, ok := lookup(name); ok {
				return value, true
			}
			if _, ok := lookup(twin(name)); ok {
				return "", false
			}
		}
		return "", false
	}
}

func twin(name string) string {
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
