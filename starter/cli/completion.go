package cli

import (
	"github.com/alecthomas/kong"
	"github.com/willabides/kongplete"
)

// completionCommand prints what makes a shell complete commands and flags: the shell runs the starter with the line so
// far in COMP_LINE, which complete answers.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// completions are the scripts by shell. They run the starter that is first on the PATH.
var completions = map[string]string{
	"bash": "complete -o default -C starter starter",
	"zsh":  "autoload -U +X bashcompinit && bashcompinit\ncomplete -o default -C starter starter",
	"fish": `function __starter_complete
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct); and set COMP_LINE "$COMP_LINE "
    starter
end
complete -c starter -a "(__starter_complete)"`,
}

// Run prints the script.
func (c completionCommand) Run(a *app) error {
	a.out.printf("%s", completions[c.Shell])
	return nil
}

// complete answers a shell that asks for the words that fit; false where none asks.
func complete(parser *kong.Kong) (answered bool) {
	kongplete.Complete(parser, kongplete.WithExitFunc(func(int) { answered = true }))
	return answered
}
