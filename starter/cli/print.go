package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"durablekyc.example/kyc"
)

// How this program speaks.
//
//   - What was asked for goes to standard output, everything else to standard
//     error, so that a pipe gets the answer and nothing but it.
//   - A case is printed like a file: its stage, who must act, until when
//     (this machine's time, and how far off), what happens then, what is
//     missing of whom, what happened. Then the next command, if there is one.
//   - An error is one sentence that names the cause, and the next command to
//     try after "try:". A word that is nearly right is answered with the right
//     one.
//   - --json prints the same for machines: one value a line, a case exactly as
//     kyc.View has it; errors as {"error","next"}, with "details" where there
//     are several, on standard error. The exit codes are the same. Asides are left out.
//   - Colour and a line that moves only on a terminal; NO_COLOR or TERM=dumb
//     turn them off. Nothing is shown by colour alone.
//   - Words that came from elsewhere may hold anything: no character that
//     moves a terminal gets through.
type printer struct {
	stdout, stderr io.Writer
	json           bool
	live           bool // stdout is a terminal that takes escapes
	moves          bool // stderr is one
	clock          func() time.Time
	zone           *time.Location
	details        func(reference string) string // the case's page in the Temporal UI, or empty; nil is no page
}

func newPrinter(stdout, stderr io.Writer, lookup func(string) (string, bool), json bool) printer {
	noColour, _ := lookup("NO_COLOR")
	term, _ := lookup("TERM")
	escapes := !json && noColour == "" && term != "dumb"
	return printer{stdout: stdout, stderr: stderr, json: json, clock: time.Now, zone: time.Local,
		live: escapes && terminal(stdout), moves: escapes && terminal(stderr)}
}

func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// fail says what went wrong and returns the exit code for it.
func (p printer) fail(err error) int {
	if end, ok := errors.AsType[decided](err); ok {
		return end.code()
	}
	if _, isReported := errors.AsType[errReported](err); isReported {
		return exitError
	}
	code, next := exitError, "starter --help"
	var details []string
	if known, ok := errors.AsType[*cliError](err); ok {
		code, next = max(known.code, exitError), known.next
		for _, detail := range known.details {
			details = append(details, oneLine(detail))
		}
	}
	if p.json {
		_ = json.NewEncoder(p.stderr).Encode(struct {
			Error   string   `json:"error"`
			Details []string `json:"details,omitempty"`
			Next    string   `json:"next"`
		}{oneLine(err), details, next})
		return code
	}
	for _, detail := range details {
		fmt.Fprintln(p.stderr, "starter: "+detail)
	}
	fmt.Fprintf(p.stderr, "starter: %s\ntry: %s\n", oneLine(err), next)
	return code
}

// oneLine is an error on one line.
func oneLine(err error) string { return sanitize(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// notef says something that was not asked for.
func (p printer) notef(format string, args ...any) {
	if !p.json {
		fmt.Fprintln(p.stderr, "starter: "+sanitize(fmt.Sprintf(format, args...)))
	}
}

// printf prints a line for people.
func (p printer) printf(format string, args ...any) {
	fmt.Fprintln(p.stdout, sanitize(fmt.Sprintf(format, args...)))
}

// value prints a value for machines.
func (p printer) value(v any) error { return json.NewEncoder(p.stdout).Encode(v) }

// footer keeps one line up to date below everything else, on a terminal.
func (p printer) footer(line string) {
	if p.live {
		redraw(p.stdout, line)
	}
}

// progress keeps one line up to date on standard error, on a terminal.
func (p printer) progress(line string) {
	if p.moves {
		redraw(p.stderr, line)
	}
}

func redraw(w io.Writer, line string) {
	if runes := []rune(sanitize(line)); len(runes) > 78 {
		line = string(runes[:77]) + "…"
	}
	fmt.Fprint(w, "\r\x1b[K"+sanitize(line))
}

// view prints a case.
func (p printer) view(v kyc.View) error {
	if p.json {
		return p.value(v)
	}
	if err := p.printCase(v); err != nil {
		return err
	}
	var last []string
	if p.details != nil {
		if page := p.details(v.Reference); page != "" {
			last = append(last, "details: "+page)
		}
	}
	if next := nextCommand(v); next != "" {
		last = append(last, "next: "+next)
	}
	if len(last) > 0 {
		p.printf("")
	}
	for _, line := range last {
		p.printf("%s", line)
	}
	return nil
}

// begun prints a case that was just started or found. Its last line says its stage
// and who must act: that it was started says nothing of either.
func (p printer) begun(v kyc.View) error {
	if err := p.view(v); err != nil || p.json || v.Stage.Final() {
		return err
	}
	p.printf("%s is %s and waits for %s", v.Reference, strings.ReplaceAll(string(v.Stage), "_", " "), who(v.WaitingOn))
	return nil
}

// printCase prints a case as a file.
func (p printer) printCase(v kyc.View) error {
	p.printf("%s · %s %s", v.Reference, v.CustomerType, v.CustomerID)
	p.printf("")
	p.coloured(v.Stage, "  "+v.Headline())
	for _, line := range p.statusLines(v) {
		p.printf("  %s", line)
	}
	if len(v.Entities) > 0 {
		p.printf("")
		if err := p.entities(v); err != nil {
			return err
		}
	}
	p.printf("")
	for _, e := range v.Timeline {
		p.printf("  %s  %s", p.local(e.At), e)
	}
	return nil
}

// statusLines says who must act, until when, and what then; or how long it took.
func (p printer) statusLines(v kyc.View) (lines []string) {
	if v.ApplicationID != "" {
		lines = append(lines, "application "+v.ApplicationID)
	}
	if v.Stage.Final() {
		return append(lines, fmt.Sprintf("ended %s, %s after it started", p.local(v.EndedAt),
			formatDuration(v.EndedAt.Sub(v.StartedAt))))
	}
	return append(lines,
		fmt.Sprintf("waits for %s until %s (in %s)", who(v.WaitingOn), p.local(v.Until),
			formatDuration(v.Until.Sub(p.clock()))),
		"then "+v.OnDeadline)
}

func (p printer) entities(v kyc.View) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	for _, e := range v.Entities {
		role := "representative"
		if e.IsCustomer {
			role = "customer"
		}
		state := string(e.Status)
		if e.Outcome != "" {
			state += ", " + string(e.Outcome)
		}
		remark := ""
		switch {
		case e.Sending:
			remark = "its images are being sent to ConnectFi"
		case len(e.Missing) > 0:
			remark = "missing: " + strings.Join(e.Missing, "; ")
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", sanitize(e.ID), role, sanitize(state), remark)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		p.printf("%s", strings.TrimRight(line, " \n"))
	}
	return nil
}

// coloured prints a line in the colour of a stage, where there is colour.
func (p printer) coloured(stage kyc.Stage, line string) {
	code := "1;33" // somebody has to wait
	switch stage {
	case kyc.Approved:
		code = "1;32"
	case kyc.Denied, kyc.Expired, kyc.Held:
		code = "1;31"
	}
	if line = sanitize(line); p.live {
		line = "\x1b[" + code + "m" + line + "\x1b[0m"
	}
	fmt.Fprintln(p.stdout, line)
}

func (p printer) local(t time.Time) string { return t.In(p.zone).Format("2006-01-02 15:04:05") }

// who says for whom a case waits.
func who(on kyc.WaitingOn) string {
	switch on {
	case kyc.OnConnectFi:
		return "ConnectFi"
	case kyc.OnApplicant:
		return "the applicant"
	case kyc.OnClient:
		return "you, to have the customer's data corrected at ConnectFi,"
	case kyc.OnReviewer:
		return "ConnectFi's reviewers"
	case kyc.OnOperator:
		return "an operator"
	}
	return string(on)
}

// formatDuration says how long something is, in the units that matter at that length.
func formatDuration(d time.Duration) string {
	switch d = max(d, 0); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}

// sanitize replaces every character that does more than show itself.
func sanitize(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == ' ' {
			return r
		}
		return '?'
	}, text)
}
