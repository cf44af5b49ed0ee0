package httpserver

import (
	"fmt"
	"strings"
)

// NormalizeFlags lets a flag be written -check, as Go's own programs have it, where
// the parser knows --check only: it would read the former as -c -h -e -c -k,
// find the h, print its help and report success.
func NormalizeFlags(args []string) []string {
	doubled := make([]string, len(args))
	for i, arg := range args {
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
			arg = "-" + arg
		}
		doubled[i] = arg
	}
	return doubled
}

// Variable is a variable of the environment and the value found for it.
type Variable struct{ Name, Value string }

// Missing names, in one sentence, the variables that have no value; nil if all
// have one.
func Missing(variables ...Variable) error {
	var names []string
	for _, v := range variables {
		if v.Value == "" {
			names = append(names, v.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s must be set (or a file in %s_FILE); see -help",
		strings.Join(names, ", "), names[0])
}
