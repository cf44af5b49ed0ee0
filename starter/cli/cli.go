// Package cli is the starter: it starts cases, shows them, and acts as the
// applicant, from a terminal. Run is the whole program but for the process.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/cases"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/kyc"
	"durablekyc.example/records/archive"
)

// DevFile is where a running dev stack writes its addresses and secrets,
// from the working directory.
const DevFile = ".dev/env"

// How long one call on a case may take before the program says so.
const (
	answerWithin = 10 * time.Second // the case itself answers
	submitWithin = time.Minute      // ConnectFi takes images before the case answers
)

// description heads the help. It says what no flag says.
const description = `Durable KYC/KYB on ConnectFi, from a terminal.

Exit codes: 0 success, or approved if the command watches a case; 1 error; 2 wrong usage; 3 denied, or evidence that
does not verify; 4 ended without a decision, or held with start --wait.

Variables: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS… and profiles configure the connection
to Temporal. KYC_KEYSET (decrypted with KYC_KEYSET_KEK if that is set) encrypts cases and the images in the bucket
KYC_DOCUMENTS. KYC_PUBLIC_URL and KYC_LINK_KEYS make upload links, KYC_TEMPORAL_UI links to cases. KYC_POLICY applies to
the cases that this program starts; with KYC_NOTIFY_URL they notify the worker's receiver, too. KYC_RECORDS and
KYC_RECORDS_KEY are the bucket of records and the key of their log. setup needs only the TEMPORAL_ variables, and
KYC_DEPLOYMENT to promote; doctor needs all that the worker has. Each KYC_ variable can be a file named by NAME_FILE.
A running "go run ./dev" provides defaults in .dev/env.`

type commands struct {
	JSON    bool             `help:"Print JSON, errors too." name:"json"`
	As      string           `help:"Your name, which a case keeps with what you did to it. Default: KYC_OPERATOR, or else the user name." placeholder:"NAME"`
	Version kong.VersionFlag `help:"Print the version and exit."`

	Start    startCommand    `cmd:"" help:"Start a case (or return the existing one) and print its status."`
	Batch    batchCommand    `cmd:"" help:"Start one case per line of a CSV or NDJSON file."`
	Show     showCommand     `cmd:"" help:"Show one case."`
	Watch    watchCommand    `cmd:"" help:"Watch one case until it ends."`
	List     listCommand     `cmd:"" help:"List the cases, newest first."`
	Upload   uploadCommand   `cmd:"" help:"Upload document images for one entity."`
	Link     linkCommand     `cmd:"" help:"Create an upload link for an applicant."`
	Revoke   revokeCommand   `cmd:"" name:"revoke-links" help:"Revoke all upload links of a case."`
	Events   eventsCommand   `cmd:"" help:"List a case's notifications and their delivery status."`
	Resend   resendCommand   `cmd:"" help:"Resend one notification, or all undelivered ones."`
	Refresh  refreshCommand  `cmd:"" help:"Re-read the status from ConnectFi now (releases a held case)."`
	Withdraw withdrawCommand `cmd:"" help:"Withdraw a case."`
	Demo     demoCommand     `cmd:"" help:"Run the two example customers through to a decision."`
	Replay   replayCommand   `cmd:"" help:"Check that this build can replay open cases (run before deploying a worker)."`
	Evidence evidenceCommand `cmd:"" help:"Write the evidence of a closed case that is on record."`
	Exam     examCommand     `cmd:"" help:"Write an examiner's pack: all records, evidence of a sample."`
	Verify   verifyCommand   `cmd:"" help:"Verify evidence or a pack, without network or keyset."`
	Setup    setupCommand    `cmd:"" help:"Set up Temporal: namespace, search attributes, current worker version."`
	Doctor   doctorCommand   `cmd:"" help:"Check the configuration and every dependency, and suggest fixes."`
	Keys     keysCommand     `cmd:"" help:"Generate, rotate and wrap secrets."`

	Completion completionCommand `cmd:"" help:"Print the script that completes commands in a shell."`
}

// app is what the commands share.
type app struct {
	out         printer
	as          string // --as
	stdin       io.Reader
	environment config.Lookup
	variables   config.Lookup // the environment, and DevFile behind it; nil until asked for
	dialed      client.Client
	failures    converter.FailureConverter // of the keyset: opens why a workflow task failed
	telemetry   *telemetry.Telemetry       // traces; nil until Temporal was dialed
	archive     *archive.Archive           // of the cases that Temporal has forgotten; nil where none are kept
}

// Run runs one command and returns the exit code. lookup is the environment;
// DevFile in the working directory comes after it. Only batch reads stdin, and
// only if a flag says so.
func Run(ctx context.Context, args []string, stdin io.Reader, to, stderr io.Writer, lookup func(string) (string,
	bool)) int {
	out := newPrinter(to, stderr, lookup, slices.Contains(args, "--json"))
	printed := &stdout{to: to}
	out.stdout = printed
	code, err := run(ctx, args, stdin, out, lookup)
	switch {
	case printed.err != nil: // which the command may have returned, or not looked at
		return out.fail(unprinted(printed.err))
	case err != nil:
		return out.fail(err)
	}
	return code
}

func run(ctx context.Context, args []string, stdin io.Reader, out printer, lookup func(string) (string, bool)) (int,
	error) {
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	var (
		all   commands
		asked bool
		a     = &app{out: out, stdin: stdin, environment: lookup}
	)
	parser, err := kong.New(&all, kong.Name("starter"), kong.Description(description),
		kong.Vars{"version": telemetry.Version},
		kong.Writers(out.stdout, out.stderr), kong.Exit(func(int) { asked = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Bind(a), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return exitError, err
	}
	if complete(parser) {
		return exitOK, nil
	}
	command, err := parser.Parse(httpserver.NormalizeFlags(args))
	if asked { // for help or the version, which is printed
		return exitOK, nil
	}
	if err != nil {
		return exitUsage, wrongUsage(err)
	}
	defer a.close()
	a.as = all.As
	a.out.details = func(reference string) string { return a.details(ctx, reference) }
	if err := command.Run(); err != nil {
		return exitError, a.explain(ctx, err)
	}
	return exitOK, nil
}

// lookup is the environment with DevFile behind it.
func (a *app) lookup() (config.Lookup, error) {
	if a.variables != nil {
		return a.variables, nil
	}
	a.variables = a.environment
	values, stale, err := config.DevFile(DevFile)
	switch {
	case err != nil:
		return nil, &cliError{err: err, next: "rm " + DevFile}
	case stale:
		a.out.notef("ignoring %s: it is stale, no Temporal answers at %s", DevFile, values["TEMPORAL_ADDRESS"])
	case values != nil:
		a.out.notef("using %s of the running dev stack", DevFile)
		a.variables = config.Chain(a.environment, config.Map(values))
	}
	return a.variables, nil
}

// cases dials Temporal, once.
func (a *app) cases(ctx context.Context) (cases.Client, error) {
	if a.dialed == nil {
		lookup, err := a.lookup()
		if err != nil {
			return cases.Client{}, err
		}
		keyset, err := a.keyset(ctx, lookup)
		if err != nil {
			return cases.Client{}, err
		}
		traces, err := a.traced(lookup)
		if err != nil {
			return cases.Client{}, err
		}
		a.dialed, err = temporalclient.Dial(ctx, temporalclient.Options{Lookup: lookup, Converters: keyset.Converters(),
			Logger: slog.New(slog.DiscardHandler), Interceptors: traces})
		if err != nil {
			return cases.Client{}, err
		}
		a.failures = keyset.Converters().Failures
		if a.archive, err = openArchive(ctx, lookup, keyset); err != nil {
			return cases.Client{}, err
		}
	}
	client := cases.Client{Temporal: a.dialed, Failures: a.failures}
	if a.archive != nil { // a nil pointer in it would count as records
		client.Records = a.archive
	}
	return client, nil
}

// openArchive opens the records of closed cases; nil where none are kept.
func openArchive(ctx context.Context, lookup config.Lookup, keyset encryption.Keyset) (*archive.Archive, error) {
	address, _, err := lookup.Value("KYC_RECORDS")
	if err == nil && address == "" {
		return nil, nil
	}
	var records *archive.Archive
	if err == nil {
		records, err = archive.Open(ctx, address, keyset)
	}
	if err != nil {
		return nil, &cliError{err: fmt.Errorf("KYC_RECORDS cannot be used: %w", err), next: "KYC_RECORDS=s3://BUCKET starter …"}
	}
	return records, nil
}

func (a *app) close() {
	a.flush()
	if a.archive != nil {
		_ = a.archive.Close() // it was only read
	}
	if a.dialed != nil {
		a.dialed.Close()
	}
}

// policy is KYC_POLICY, pinned in every case that this program starts.
func (a *app) policy() (kyc.Policy, error) {
	lookup, err := a.lookup()
	if err != nil {
		return kyc.Policy{}, err
	}
	text, _, err := lookup.Value("KYC_POLICY")
	if err == nil {
		var policy kyc.Policy
		if policy, err = kyc.ParsePolicy(text); err == nil {
			return policy, nil
		}
	}
	return kyc.Policy{}, &cliError{err: fmt.Errorf("invalid KYC_POLICY: %w", err), code: exitUsage,
		next: `KYC_POLICY='{"documents":"720h","case":"2160h"}' starter …`}
}

// documents opens the bucket that worker and starter share.
func (a *app) documents(ctx context.Context) (*docstore.Store, error) {
	lookup, err := a.lookup()
	if err != nil {
		return nil, err
	}
	keyset, err := a.keyset(ctx, lookup)
	if err != nil {
		return nil, err
	}
	url, _, err := lookup.Value("KYC_DOCUMENTS")
	switch {
	case err != nil:
	case url == "":
		err = errors.New("KYC_DOCUMENTS is not set: set it to the worker's bucket")
	case strings.HasPrefix(url, "mem:"):
		err = errors.New("KYC_DOCUMENTS is mem://, which a worker in another process cannot read")
	default:
		var store *docstore.Store
		if store, err = docstore.Open(ctx, url, keyset); err == nil {
			return store, nil
		}
		err = fmt.Errorf("invalid KYC_DOCUMENTS: %w", err)
	}
	return nil, &cliError{err: err, next: "KYC_DOCUMENTS=file:///var/lib/kyc/documents starter …"}
}

// keyset is what images and cases are encrypted with, the worker's own.
func (a *app) keyset(ctx context.Context, lookup config.Lookup) (encryption.Keyset, error) {
	text, _, err := lookup.Value("KYC_KEYSET")
	kek, _, kerr := lookup.Value("KYC_KEYSET_KEK")
	err = errors.Join(err, kerr)
	if err == nil && text == "" {
		return encryption.Keyset{}, &cliError{next: "go run ./dev",
			err: errors.New("KYC_KEYSET is not set: start the dev stack, or set it to the worker's keyset")}
	}
	if err == nil {
		var keyset encryption.Keyset
		if keyset, err = encryption.OpenKeyset(ctx, text, kek); err == nil {
			return keyset, nil
		}
		err = fmt.Errorf("invalid KYC_KEYSET: %w", err)
	}
	return encryption.Keyset{}, &cliError{err: err, next: "KYC_KEYSET_FILE=the-file-that-the-worker-reads starter …"}
}

// withTimeout makes one bounded call on a case.
func (a *app) withTimeout(ctx context.Context, within time.Duration, call func(context.Context, cases.Client) (kyc.View,
	error)) (kyc.View, error) {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return kyc.View{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return call(ctx, caseClient)
}
