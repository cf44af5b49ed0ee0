package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.temporal.io/api/serviceerror"

	"durablekyc.example/cases"
	"durablekyc.example/internal/temporalclient"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// Exit codes. `go run` turns every one but 0 into 1: scripts build the program.
const (
	exitOK        = 0 // done; where a case is followed: approved
	exitError     = 1
	exitUsage     = 2
	exitDenied    = 3
	exitUndecided = 4 // the case ended without a decision
)

// cliError is what went wrong, with the next command to try. A code of zero is
// exitError.
type cliError struct {
	err     error
	next    string
	code    int
	details []error // each a sentence of its own, printed before
}

func (p *cliError) Error() string { return p.err.Error() }
func (p *cliError) Unwrap() error { return p.err }

// usage is a slip on the command line.
func usage(command, format string, args ...any) error {
	return &cliError{err: fmt.Errorf(format, args...), next: "starter " + command + " --help", code: exitUsage}
}

// wrongUsage is what the parser has to say.
func wrongUsage(err error) error {
	p := &cliError{err: err, next: "starter --help", code: exitUsage}
	parse, isParse := errors.AsType[*kong.ParseError](err)
	if isParse && parse.Context != nil {
		if command := parse.Context.Selected(); command != nil {
			p.next = command.FullPath() + " --help"
		}
	}
	return p
}

// decided has the exit code of a case that was followed to its end; it
// has printed everything already.
type decided struct{ stage kyc.Stage }

func (d decided) Error() string { return "the case is " + string(d.stage) }

func (d decided) code() int {
	switch d.stage {
	case kyc.Approved:
		return exitOK
	case kyc.Denied:
		return exitDenied
	}
	return exitUndecided
}

// caseError is what went wrong with one case.
type caseError struct {
	reference string
	err       error
}

func (e *caseError) Error() string { return e.reference + ": " + e.err.Error() }
func (e *caseError) Unwrap() error { return e.err }

// of says which case an error is about, unless it says everything already.
func of(reference string, err error) error {
	_, isKnown := errors.AsType[*cliError](err)
	if err == nil || isKnown {
		return err
	}
	return &caseError{reference, err}
}

// explain turns any error into a sentence and the next command, once.
func (a *app) explain(ctx context.Context, err error) error {
	_, isEnd := errors.AsType[decided](err)
	_, isKnown := errors.AsType[*cliError](err)
	_, isReported := errors.AsType[errReported](err)
	if isEnd || isKnown || isReported {
		return err
	}
	reference := "REFERENCE"
	about, isAbout := errors.AsType[*caseError](err)
	if isAbout {
		reference = about.reference
	}
	show := "starter show " + reference
	p := func(next, format string, args ...any) error {
		return &cliError{err: fmt.Errorf(format, args...), next: next}
	}
	refused, isRefused := errors.AsType[*cases.RefusedError](err)
	ended, isEnded := errors.AsType[*cases.EndedError](err)
	stuck, isStuck := errors.AsType[*cases.StuckError](err)
	paused, isPaused := errors.AsType[*cases.PausedError](err)
	away, isAway := errors.AsType[*temporalclient.UnreachableError](err)
	namespace, isNamespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
	invalid, isInvalid := errors.AsType[*serviceerror.InvalidArgument](err)
	_, isDenied := errors.AsType[*serviceerror.PermissionDenied](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return p(show, "interrupted; the case continues")
	case isRefused && refused.Type == workflows.RefusedOtherCustomer:
		return p(show, "the reference %s is already used for another customer: use a new reference for every check",
			reference)
	case isRefused && about != nil:
		return p(show, "%s: rejected: %s", reference, refused.Reason)
	case errors.Is(err, cases.ErrNotFound) && about != nil:
		if other := a.similar(ctx, reference); other != "" {
			return p("starter show "+other, "no case has the reference %s, did you mean %s?", reference, other)
		}
		return p("starter list", "no case has the reference %s", reference)
	case isEnded && about != nil:
		return p(reset(reference), "%s %s: its reference cannot be used again unless the case is reset", reference, ended)
	case isPaused && about != nil:
		return p(unpause(reference), "%s is paused in Temporal%s%s", reference, a.byWhom(paused),
			a.describeState(ctx, reference))
	case isStuck && about != nil:
		return p(stuck.Cause.WayOn(reference), "%s is stuck (attempt %d): %s%s", reference, stuck.Attempt,
			stuck.Cause.Sentence(), a.describeState(ctx, reference))
	case errors.Is(err, cases.ErrUnanswered) && about != nil:
		return p("starter watch "+reference, "ConnectFi has not answered for %s yet; the case keeps retrying", reference)
	case errors.Is(err, cases.ErrNoWorker) && about != nil:
		return p("go run ./worker", "no worker is running to answer for %s%s", reference, a.describeState(ctx, reference))
	case errors.Is(err, cases.ErrBusy) && about != nil:
		return p("starter watch "+reference,
			"a worker is running, but ConnectFi has not answered for %s yet; the request stays in progress%s", reference,
			a.describeState(ctx, reference))
	case errors.Is(err, cases.ErrRecords):
		return p("starter doctor", "%w: try again in a moment, or set KYC_RECORDS", err)
	case errors.Is(err, cases.ErrUnavailable):
		return p(show, "Temporal is unavailable (%s): try again in a moment", because(err))
	case errors.Is(err, cases.ErrNoAnswer) && about != nil:
		return p(show, "timed out waiting for Temporal to answer for %s; the request may still take effect", reference)
	case isAway:
		return p("go run ./dev", "no connection to Temporal at %s (%s): start the dev stack, or set TEMPORAL_ADDRESS",
			away.Address, away.Reason())
	case isNamespace:
		return p("starter setup", "Temporal has no namespace %q: create it, or set TEMPORAL_NAMESPACE",
			namespace.Namespace)
	case isDenied:
		return p("TEMPORAL_API_KEY_FILE=… starter …", "Temporal rejects these credentials for the namespace")
	case isInvalid:
		return p("starter setup", "Temporal rejected the request, usually because the namespace was not set up: %s",
			invalid.Message)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, cases.ErrNoAnswer):
		return p("go run ./dev", "timed out waiting for Temporal")
	}
	return p("starter --help", "%w", err)
}

// reset is how a case goes on that was ended in Temporal.
func reset(reference string) string {
	return "temporal workflow reset --workflow-id " + workflows.ID(reference) +
		" --type LastWorkflowTask --reason …, or another reference"
}

func (a *app) byWhom(p *cases.PausedError) (text string) {
	if p.By != "" {
		text += " by " + p.By
	}
	if !p.Since.IsZero() {
		text += " since " + a.out.local(p.Since)
	}
	if p.Reason != "" {
		text += " (" + p.Reason + ")"
	}
	return text
}

// because is what Temporal or the way to it said last.
func because(err error) string {
	if attempt, ok := errors.AsType[*temporalclient.AttemptError](err); ok {
		return temporalclient.Reason(attempt.Last)
	}
	text := strings.TrimPrefix(err.Error(), cases.ErrUnavailable.Error())
	return strings.TrimPrefix(strings.TrimPrefix(text, ": "), " ")
}

// describeState says where Temporal has a case, without a worker.
func (a *app) describeState(ctx context.Context, reference string) string {
	caseClient, err := a.cases(ctx)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d, err := caseClient.Temporal.DescribeWorkflowExecution(ctx, workflows.ID(reference), "")
	if err != nil {
		return ""
	}
	r := rowOf(d.GetWorkflowExecutionInfo())
	return fmt.Sprintf("; its stage is %s and it waits for %s", r.Stage, strings.TrimSuffix(who(r.WaitingOn), ","))
}

// similar finds the reference of a recent case that was probably meant, or
// nothing.
func (a *app) similar(ctx context.Context, reference string) string {
	rows, _, err := a.list(ctx, "", false, 200)
	if err != nil {
		return ""
	}
	var references []string
	for _, r := range rows {
		references = append(references, r.Reference)
	}
	return nearest(reference, references)
}

// didYouMean ends a refusal of a word: with the word that was probably meant,
// or with all there are.
func didYouMean[S ~string](word string, known []S) string {
	var words []string
	for _, k := range known {
		words = append(words, string(k))
	}
	if near := nearest(word, words); near != "" {
		return "did you mean " + near + "?"
	}
	return "use one of " + strings.Join(words, ", ")
}

// nearest is the word that differs from this one by two letters at the most,
// upper and lower case alike, or nothing. Half of a word is another word.
func nearest(word string, among []string) (best string) {
	least := min(3, (len(word)+1)/2+1)
	for _, candidate := range among {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < least && candidate != word {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the letters to add, drop or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], slices.Min([]int{row[j+1] + 1, row[j] + 1, diagonal + cost})
		}
	}
	return row[len(b)]
}
