package config

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// Flags is an option for kong: every flag with an env:"NAME" tag takes its
// value from NAME or NAME_FILE in lookup, unless it was given as a flag. The
// help names both variables and says whether one is set, never to what. Kong
// by itself would ask the process, and knows no files.
//
//	parser, err := kong.New(&flags, kong.Name("worker"), config.Flags(os.LookupEnv))
func Flags(lookup func(string) (string, bool)) kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		for _, option := range []kong.Option{
			kong.Resolvers(Resolver(lookup)), kong.ValueFormatter(helpText(lookup)), kong.WithBeforeReset(clearKongEnvs),
			UsageExit(),
		} {
			if err := option.Apply(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// UsageExit lets a program end with 2 after wrong usage, as most programs do and
// starter does, where kong ends with 80. It is a part of Flags; an option kong.Exit
// must come before it.
func UsageExit() kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		exit := k.Exit
		k.Exit = func(code int) {
			if code == 80 { // kong.ParseError
				code = 2
			}
			exit(code)
		}
		return nil
	})
}

// Resolver is the part of Flags that finds values, for a parser that keeps
// kong's own help.
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

// clearKongEnvs takes the names of variables from where kong looks for them before it
// asks the process; they stay in Flag.Envs, where Resolver looks.
func clearKongEnvs(k *kong.Kong) error {
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			flag.Tag.Envs = nil
		}
		return next(nil)
	})
}

// helpText is a flag's line in the help.
func helpText(lookup func(string) (string, bool)) kong.HelpValueFormatter {
	return func(value *kong.Value) string {
		if value.Flag == nil || len(value.Flag.Envs) == 0 {
			return value.Help
		}
		var states []string
		for _, name := range value.Flag.Envs {
			state := "not set"
			if _, set, err := Lookup(lookup).Value(name); err != nil {
				state = err.Error()
			} else if set {
				state = "set"
			}
			states = append(states, fmt.Sprintf("%s or %s: %s", name, name+fileSuffix, state))
		}
		return strings.TrimSpace(value.Help + " [" + strings.Join(states, "; ") + "]")
	}
}
