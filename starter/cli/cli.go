// Package cli is the starter: it starts cases, shows them, and acts as the
// applicant, from a terminal. Run is the whole program but for the process.
package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"
	"go.temporal.io/sdk/client"

	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/env"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// Exit codes. `go run` turns every one but 0 into 1: scripts build the program.
const (
	exitOK        = 0 // done; with --wait: approved
	exitError     = 1
	exitUsage     = 2
	exitDenied    = 3
	exitUndecided = 4 // the case ended without a decision
)

// DevFile is where a running dev stack writes its addresses and secrets.
const DevFile = ".dev/env"

// bound is how long one call on a case may take before the program says so.
const bound = 15 * time.Second

type flags struct {
	JSON bool `help:"Print JSON, errors too." name:"json"`

	Start    startCommand    `cmd:"" help:"Start a case, or find it, and print its first status."`
	Show     showCommand     `cmd:"" help:"Tell one case."`
	Watch    watchCommand    `cmd:"" help:"Follow one case to its end."`
	List     listCommand     `cmd:"" help:"List the cases, newest first."`
	Upload   uploadCommand   `cmd:"" help:"Send the document images of one entity."`
	Refresh  refreshCommand  `cmd:"" help:"Read the status now; the way out of held."`
	Withdraw withdrawCommand `cmd:"" help:"End a case without a decision."`
	Demo     demoCommand     `cmd:"" help:"Walk the two customers of ConnectFi's page to a decision."`
	Keys     keysCommand     `cmd:"" help:"Make secrets."`
}

// app is what the commands share.
type app struct {
	ctx    context.Context
	out    printer
	lookup env.Lookup
	json   bool
	dialed client.Client
}

// Run runs one command and returns the exit code. lookup is the environment;
// DevFile in the working directory comes after it.
func Run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer, lookup func(string) (string, bool)) int {
	var f flags
	exit := -1
	parser, err := kong.New(&f, kong.Name("starter"), kong.Description("Durable KYC/KYB on ConnectFi, from a terminal."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }), kong.UsageOnError())
	if err != nil {
		return printer{stderr: stderr}.fail(err)
	}
	command, err := parser.Parse(args)
	out := printer{stdout: stdout, stderr: stderr, json: f.JSON}
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		return out.fail(&usageError{err})
	}
	a := &app{ctx: ctx, out: out, lookup: lookup, json: f.JSON}
	defer a.close()
	values, stale, err := env.DevFile(DevFile)
	switch {
	case err != nil:
		return out.fail(err)
	case stale:
		out.aside(DevFile + " is left out: it is stale, nothing answers at the addresses in it")
	case values != nil:
		out.aside("reading " + DevFile + " of the running dev stack")
		a.lookup = env.Chain(lookup, env.Map(values))
	}
	if err := command.Run(a); err != nil {
		return out.fail(err)
	}
	return exitOK
}

// cases dials Temporal once.
func (a *app) cases() (workflows.Client, error) {
	if a.dialed == nil {
		c, err := cluster.Dial(a.ctx, cluster.Options{Lookup: a.lookup, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return workflows.Client{}, err
		}
		a.dialed = c
	}
	return workflows.Client{Temporal: a.dialed}, nil
}

func (a *app) close() {
	if a.dialed != nil {
		a.dialed.Close()
	}
}

// policy is KYC_POLICY, pinned in every case that this program starts.
func (a *app) policy() (kyc.Policy, error) {
	text, _, err := a.lookup.Value("KYC_POLICY")
	if err != nil {
		return kyc.Policy{}, err
	}
	return kyc.ParsePolicy(text)
}

func (a *app) documents() (*docstore.Store, error) {
	url, ok, err := a.lookup.Value("KYC_DOCUMENTS")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("KYC_DOCUMENTS is not set: give the bucket that the worker reads, such as file:///var/lib/kyc")
	}
	return docstore.Open(a.ctx, url)
}

// ask makes one bounded call on a case.
func ask(a *app, call func(context.Context, workflows.Client) (kyc.View, error)) (kyc.View, error) {
	cases, err := a.cases()
	if err != nil {
		return kyc.View{}, err
	}
	ctx, cancel := context.WithTimeout(a.ctx, bound)
	defer cancel()
	return call(ctx, cases)
}

// outcome is the error that a followed case ends in: nil if it was approved.
func outcome(v kyc.View) error {
	switch v.Stage {
	case kyc.Approved:
		return nil
	case kyc.Denied:
		return ended(exitDenied)
	}
	return ended(exitUndecided)
}
