package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"
)

// aliveWithin is how long Temporal's address in a dev file may take to answer.
// It is on this machine: an open port answers at once.
const aliveWithin = time.Second

// DevFile reads the NAME=value lines that a running dev stack keeps in
// .dev/env: one variable a line as DevLine writes it, # begins a comment line. It is
// stale if nothing listens any more at the TEMPORAL_ADDRESS in it: a stack
// that was killed could not take it away. A file that is not there gives nil
// values and no error.
func DevFile(path string) (values map[string]string, stale bool, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("cannot read %s: %w", path, cause(err))
	}
	defer file.Close()
	if values, err = parse(file, path); err != nil {
		return nil, false, err
	}
	return values, !listens(values["TEMPORAL_ADDRESS"]), nil
}

// parse reads the lines of a file of this name. What is on a line may be a
// secret: an error says which one and not what is on it.
func parse(file io.Reader, path string) (map[string]string, error) {
	values := map[string]string{}
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" || name != strings.TrimSpace(name) {
			return nil, fmt.Errorf("line %d of %s is not NAME=value", number, path)
		}
		values[name] = unquote(value)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return values, nil
}

// DevLine is a variable and its line break, as a line of such a file. A shell reads
// it as well (". .dev/env"): what may mean something to one is in single quotes.
func DevLine(name, value string) string {
	special := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_./:@,+=%-", r)
	}
	if strings.ContainsFunc(value, special) {
		value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	}
	return name + "=" + value + "\n"
}

// unquote undoes the quotes of DevLine. A value without them stays as it is.
func unquote(value string) string {
	inner, begins := strings.CutPrefix(value, "'")
	if inner, ends := strings.CutSuffix(inner, "'"); begins && ends {
		return strings.ReplaceAll(inner, `'\''`, "'")
	}
	return value
}

// listens reports whether a connection to the address can be made.
func listens(address string) bool {
	connection, err := net.DialTimeout("tcp", address, aliveWithin)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}
