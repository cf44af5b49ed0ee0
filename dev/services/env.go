package services

import (
	"os"
	"path/filepath"
	"strings"

	"durablekyc.example/internal/config"
)

// Variables are names and values, in the order in which people read them.
type Variables [][2]string

// Map is the values by name.
func (v Variables) Map() map[string]string {
	all := map[string]string{}
	for _, pair := range v {
		all[pair[0]] = pair[1]
	}
	return all
}

// Write writes the variables to a file for the other commands, all or nothing, for this user alone. forget removes it.
func (v Variables) Write(path string) (forget func(), err error) {
	var text strings.Builder
	for _, pair := range v {
		text.WriteString(config.DevLine(pair[0], pair[1]))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(path) }, writeWhole(path, text.String())
}
