// Package env reads configuration: a variable, or the file that its twin
// NAME_FILE points to, from the environment or from what a running dev stack
// wrote down. Nothing in here looks at the process: mains pass the environment in.
package env

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// Lookup finds a variable, like os.LookupEnv.
type Lookup func(name string) (value string, ok bool)

// Chain asks one after the other; the first that has a value wins.
func Chain(lookups ...Lookup) Lookup {
	return func(name string) (string, bool) {
		for _, lookup := range lookups {
			if value, ok := lookup(name); ok {
				return value, true
			}
		}
		return "", false
	}
}

// Value is the variable's value or the content of the file that NAME_FILE
// names, without the newline at its end. Having both is refused: nobody could
// tell which of them counts. No error shows a value.
func (l Lookup) Value(name string) (string, bool, error) {
	value, set := l(name)
	path, fromFile := l(name + "_FILE")
	switch {
	case set && fromFile:
		return "", false, fmt.Errorf("both %s and %s_FILE are set: unset one of them", name, name)
	case !fromFile:
		return value, set, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", false, fmt.Errorf("the file that %s_FILE names cannot be read: %w", name, errors.Unwrap(err))
	}
	return strings.TrimRight(string(content), "\r\n"), true, nil
}

// Resolver lets every kong flag with an env tag take its value from lookup,
// NAME_FILE included.
func Resolver(lookup func(string) (string, bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if value, ok, err := Lookup(lookup).Value(name); err != nil || ok {
				return value, err
			}
		}
		return nil, nil
	})
}

// DevFile reads NAME=value lines, such as a running dev stack keeps in
// .dev/env. A file that is not there is an empty one.
func DevFile(path string) (map[string]string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	values := map[string]string{}
	for lines := bufio.NewScanner(file); ; {
		if !lines.Scan() {
			return values, lines.Err()
		}
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s holds a line that is not NAME=value", path)
		}
		values[name] = value
	}
}

// Map makes a Lookup of what DevFile read.
func Map(values map[string]string) Lookup {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}
