package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"durablekyc.example/internal/telemetry"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/exam"
	"durablekyc.example/records/verify"
)

// exitRefuted is the exit code for evidence that does not verify.
const exitRefuted = exitDenied

// verifyCommand checks evidence. It reads the files that it is given and nothing else: no variable, no .dev/env.
type verifyCommand struct {
	Key      string   `required:"" placeholder:"KEY" help:"The log's public key (NAME+HASH+KEY), or a file with it."`
	Roots    string   `name:"tsa-roots" placeholder:"FILE" help:"Certificates (PEM) of the time-stamp authorities that you trust (default: any authority, whose certificate is not checked)."`
	Identity string   `placeholder:"FILE" help:"Identities of age (AGE-SECRET-KEY-…), for evidence that was encrypted to you."`
	Files    []string `arg:"" name:"file" help:"Evidence: REF.kyc, or an examiner's pack: pack.zip."`
}

// verified is the result of one file.
type verified struct {
	File string `json:"file"`
	*verify.Report
	Pack    *exam.Report   `json:"pack,omitempty"` // of an examiner's pack, in place of a report
	Verdict verify.Verdict `json:"verdict"`
	Error   string         `json:"error,omitempty"` // why the file could not be read

	asked bool // for when it existed at the latest
}

// rootsOf reads certificates of authorities; nil without a file.
func rootsOf(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	return roots, nil
}

// Run verifies every file and prints the result of each level.
func (c verifyCommand) Run(a *app) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	decrypt, err := decrypter(c.Identity)
	if err != nil {
		return usage("verify", "%w", err)
	}
	roots, err := rootsOf(c.Roots)
	if err != nil {
		return usage("verify", "--tsa-roots: %w", err)
	}
	verifier := verify.Verifier{Key: key, Release: telemetry.Version, Decrypt: decrypt, Authorities: roots}
	if _, err := verifier.File(nil); err != nil {
		return usage("verify", "%s", err)
	}
	var refuted, unchecked int
	for _, name := range c.Files {
		v := verifyFile(verifier, name)
		v.asked = roots != nil
		switch v.Verdict {
		case verify.Refuted:
			refuted++
		case verify.NotChecked:
			unchecked++
		}
		if err := a.out.verified(v); err != nil {
			return err
		}
	}
	if !a.out.json {
		a.out.printf("%s", notShown)
	}
	switch {
	case refuted > 0:
		return &cliError{code: exitRefuted, next: "starter evidence REF, run by the operator of the records",
			err: fmt.Errorf("%d of %d do not verify", refuted, len(c.Files))}
	case unchecked > 0:
		return &cliError{next: "starter verify --key KEY FILE, with the release named above",
			err: fmt.Errorf("%d of %d could not be checked", unchecked, len(c.Files))}
	}
	return nil
}

const notShown = "Verification does not prove that ConnectFi's answers were true: ConnectFi does not sign them."

// key is the public key as it was given, or what is in the file of that name.
func (c verifyCommand) key() (string, error) {
	text, err := os.ReadFile(c.Key)
	switch {
	case err == nil:
		return strings.TrimSpace(string(text)), nil
	case strings.Count(c.Key, "+") < 2:
		return "", usage("verify", "%q is neither a log's public key (NAME+HASH+KEY) nor a file with one", c.Key)
	}
	return c.Key, nil
}

func verifyFile(verifier verify.Verifier, name string) verified {
	v := verified{File: name, Verdict: verify.NotChecked}
	data, err := readBundle(name)
	switch {
	case err != nil:
	case exam.Is(data):
		var r exam.Report
		if r, err = exam.Check(verifier, data); err == nil {
			v.Pack, v.Verdict = &r, r.Verdict()
		}
	default:
		var r verify.Report
		if r, err = verifier.File(data); err == nil {
			v.Report, v.Verdict = &r, r.Verdict()
		}
	}
	if err != nil {
		v.Error = err.Error()
	}
	return v
}

// maxPack is the size in bytes beyond which nothing is read as a pack.
const maxPack = 2 << 30

// readBundle reads a file, unless it is larger than any bundle or pack.
func readBundle(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head, limit := make([]byte, 4), int64(bundle.MaxSize)
	if _, err := io.ReadFull(file, head); err == nil && exam.Is(head) {
		limit = maxPack
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("it has more than %d bytes, which no evidence has", limit)
	}
	return os.ReadFile(name)
}

// verified prints the result of one file.
func (p printer) verified(v verified) error {
	if p.json {
		return p.value(v)
	}
	p.printf("%s: %s", v.File, v.Verdict)
	if v.Error != "" {
		p.printf("  %s", v.Error)
		return nil
	}
	if v.Pack != nil {
		p.pack(*v.Pack, v.asked)
		return nil
	}
	if m := v.Manifest; m.Reference != "" {
		line := fmt.Sprintf("  case         %s, %s", m.Reference, m.Outcome.Stage)
		if !m.Outcome.EndedAt.IsZero() {
			line += " at " + m.Outcome.EndedAt.UTC().Format(time.RFC3339)
		}
		p.printf("%s", line)
		if slices.Contains(m.Flags, bundle.FlagRunsMissing) {
			p.printf("               Temporal had forgotten its first runs: what is verified begins with run %s", m.Runs[0].Run)
		}
	}
	p.printf("  whole        %s", v.Whole)
	p.stamped(*v.Report, v.asked)
	p.printf("  consistent   %s", v.Consistent)
	p.printf("  re-executed  %s", v.Reexecuted)
	return nil
}

// stamped prints by when a record existed, and who says so. That it is not known is printed to those who asked for it.
func (p printer) stamped(r verify.Report, asked bool) {
	s := r.Timestamp
	if s == nil {
		if asked && r.Whole.Verdict == verify.Verified {
			p.printf("  existed by   not known: there is no time-stamp")
		}
		return
	}
	p.printf("  existed by   %s, says %s", s.At.UTC().Format(time.RFC3339), s.Authority)
	if s.Trusted {
		p.printf("               whose certificate was issued under a root of --tsa-roots")
	} else {
		p.printf("               whose certificate was not checked: --tsa-roots FILE checks it")
	}
}

// pack prints the result of a pack. Of the sample, it prints every level that does not verify.
func (p printer) pack(r exam.Report, asked bool) {
	p.printf("  population   %s", r.Population)
	if r.Population.Verdict == verify.Verified {
		p.printf("               %d records: all that the log has behind its first %d, up to %d", r.Records, r.Info.First,
			r.Info.Size)
	}
	p.printf("  sample       %s", r.Sample)
	for _, e := range r.Evidence {
		p.printf("  %-12s %s: %s", e.Name, e.Reference, e.Report.Verdict())
		for _, l := range []verify.Level{e.Report.Whole, e.Report.Consistent, e.Report.Reexecuted} {
			if l.Verdict != verify.Verified {
				p.printf("               %s", l)
				break
			}
		}
		p.stamped(e.Report, asked)
	}
}
