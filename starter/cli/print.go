package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"durablekyc.example/internal/cluster"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// How this program speaks: what was asked for goes to standard output,
// everything else to standard error. A case is told like a file: where it
// stands, who must act, until when, then what, then what happened. Every
// refusal is one sentence with the next command to try. With --json the same
// goes out as JSON, one value a line, errors as {"error","next"}.
type printer struct {
	stdout, stderr io.Writer
	json           bool
}

// usageError is the caller's slip, not the world's.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// ended carries the exit code of a case that did not end approved.
type ended int

func (e ended) Error() string { return "the case did not end approved" }

// hinted is an error with the next command to try.
type hinted struct {
	error
	next string
}

func (e *hinted) Unwrap() error { return e.error }

// about adds the next command to what went wrong with a case.
func about(reference string, err error) error {
	var refused *workflows.RefusedError
	switch {
	case errors.As(err, &refused) && refused.Type == workflows.RefusedOtherCustomer:
		return &hinted{fmt.Errorf("the reference %s belongs to another customer", reference), "starter show " + reference}
	case errors.As(err, &refused):
		return &hinted{err, "starter show " + reference}
	case errors.Is(err, workflows.ErrUnknown):
		return &hinted{fmt.Errorf("there is no case with the reference %s", reference), "starter list"}
	case errors.Is(err, workflows.ErrNoAnswer):
		return &hinted{fmt.Errorf("the case %s is with Temporal, but no worker answered in time", reference), "go run ./worker"}
	}
	return err
}

// fail says what went wrong and returns the exit code for it.
func (p printer) fail(err error) int {
	var code ended
	if errors.As(err, &code) {
		return int(code)
	}
	exit, next := exitError, ""
	var usage *usageError
	var hint *hinted
	var away *cluster.UnreachableError
	switch {
	case errors.As(err, &usage):
		exit, next = exitUsage, "starter --help"
	case errors.As(err, &hint):
		next = hint.next
	case errors.As(err, &away):
		next = "go run ./dev"
	}
	if p.json {
		json.NewEncoder(p.stderr).Encode(map[string]string{"error": err.Error(), "next": next})
		return exit
	}
	fmt.Fprintln(p.stderr, "starter: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	if next != "" {
		fmt.Fprintln(p.stderr, "try: "+next)
	}
	return exit
}

// aside says something that was not asked for.
func (p printer) aside(sentence string) {
	if !p.json {
		fmt.Fprintln(p.stderr, "starter: "+sentence)
	}
}

// say tells a step of a story.
func (p printer) say(format string, args ...any) { fmt.Fprintf(p.stdout, format+"\n", args...) }

func (p printer) view(v kyc.View) error {
	if p.json {
		return json.NewEncoder(p.stdout).Encode(v)
	}
	p.say("%s · %s %s · %s", v.Reference, v.CustomerType, v.CustomerID, v.Headline())
	if !v.Stage.Final() {
		p.say("  waiting for %s until %s (%s); then %s", v.WaitingOn, local(v.Until), in(v.Until), v.Then)
	}
	for _, e := range v.Entities {
		line := fmt.Sprintf("  %s %s %s", e.ID, e.Status, e.Outcome)
		if len(e.Missing) > 0 {
			line += "· missing: " + strings.Join(e.Missing, "; ")
		}
		p.say("%s", strings.TrimRight(line, " "))
	}
	for _, e := range v.Timeline {
		p.say("  %s  %s", local(e.At), e)
	}
	return nil
}

func (p printer) rows(rows []row) error {
	if p.json {
		return json.NewEncoder(p.stdout).Encode(rows)
	}
	if len(rows) == 0 {
		p.say("no case")
		return nil
	}
	table := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "REFERENCE\tSTAGE\tWAITING ON\tCUSTOMER\tUNTIL\tSTARTED")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Reference, r.Stage, r.WaitingOn, r.CustomerType, r.Until, local(r.StartedAt))
	}
	return table.Flush()
}

func local(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// in says how far off a time is, in the largest unit that says enough.
func in(t time.Time) string {
	left := time.Until(t)
	if left > 48*time.Hour {
		return fmt.Sprintf("in %d days", int(left.Hours()/24))
	}
	return "in " + max(left, 0).Round(time.Second).String()
}
