package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"durablekyc.example/internal/temporalclient"
)

// setupCommand prepares a Temporal. It is the one-shot job of docker-compose,
// so it needs nothing but the way there: no keyset, no bucket, no ConnectFi.
type setupCommand struct {
	Retention time.Duration `default:"720h" help:"Retention of closed workflows. Never shortened if the namespace already keeps them longer."`
	Nexus     bool          `help:"Also create the Nexus endpoint kyc, for workflows of other namespaces."`
	Promote   string        `placeholder:"BUILD" help:"Make this build the current version of the worker deployment KYC_DEPLOYMENT."`
	Wait      time.Duration `default:"0s" help:"Wait this long for Temporal, or for the promoted worker, to come up."`
}

const (
	minRetention = 24 * time.Hour // Temporal's own least
	// what was written is known to all of Temporal: its slowest cache is refreshed every minute
	propagationTimeout = 2 * time.Minute
	pause              = time.Second
)

// setupRun is one run of setup.
type setupRun struct {
	findings
	command   setupCommand
	temporal  client.Client
	namespace string
	cloud     bool
	until     time.Time // patience with what is starting
}

func (c setupCommand) Run(ctx context.Context, a *app) error {
	if c.Retention < minRetention {
		return usage("setup", "--retention must be %s or more", minRetention)
	}
	lookup, err := a.lookup()
	if err != nil {
		return err
	}
	deployment, _, err := lookup.Value("KYC_DEPLOYMENT")
	if err != nil {
		return err
	}
	if c.Promote != "" && deployment == "" {
		return &cliError{err: errors.New(
			"--promote needs KYC_DEPLOYMENT, the worker deployment"), code: exitUsage,
			next: "KYC_DEPLOYMENT=kyc starter setup --promote " + c.Promote}
	}
	options := temporalclient.Options{Lookup: lookup, Logger: slog.New(slog.DiscardHandler)}
	address, name, err := options.Target()
	if err != nil {
		return err
	}
	p := &setupRun{findings: findings{out: a.out}, command: c, namespace: name, cloud: onCloud(address),
		until: time.Now().Add(c.Wait)}
	if p.temporal, err = p.dial(ctx, options); err != nil {
		return err
	}
	defer p.temporal.Close()
	if p.prepareNamespace(ctx) {
		p.prepareAttributes(ctx)
		if c.Nexus {
			p.prepareEndpoint(ctx)
		}
		if c.Promote != "" {
			p.promote(ctx, deployment)
		}
	}
	if ctx.Err() != nil {
		return &cliError{err: errors.New("interrupted: not all checks ran"), next: "starter setup"}
	}
	return p.end(notDone)
}

// dial waits for a Temporal that does not answer yet, and for nothing else.
func (p *setupRun) dial(ctx context.Context, options temporalclient.Options) (c client.Client, err error) {
	said := false
	err = p.retryUntil(ctx, p.until, func(err error) bool {
		away, isAway := errors.AsType[*temporalclient.UnreachableError](err)
		if !isAway {
			return false
		}
		if !said && p.command.Wait > 0 {
			said = true
			p.out.notef("waiting for Temporal at %s", away.Address)
		}
		return true
	}, func(ctx context.Context) error {
		c, err = temporalclient.Dial(ctx, options)
		return err
	})
	return c, err
}

// prepareNamespace says whether there is, or may be, a namespace to go on with.
func (p *setupRun) prepareNamespace(ctx context.Context) bool {
	check := "namespace " + p.namespace
	for {
		is, err := p.described(ctx)
		if err == nil {
			return p.prepareRetention(ctx, check, is.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())
		}
		if !missing(err) {
			p.refused(check, "describe it", err, p.byHand("temporal operator namespace describe --namespace %s",
				"tcld namespace get --namespace %s", p.namespace))
			return forbidden(err)
		}
		err = p.retryUntil(ctx, p.until, isTransient, func(ctx context.Context) error {
			_, err := p.temporal.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
				Namespace: p.namespace, Description: "KYC and KYB cases", WorkflowExecutionRetentionPeriod: durationpb.New(
					p.command.Retention)})
			return err
		})
		if _, ok := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); ok {
			continue
		}
		if err != nil {
			short, _, _ := strings.Cut(p.namespace, ".") // Temporal Cloud adds the account behind it
			p.refused(check, "create it", err, map[bool]string{
				false: fmt.Sprintf("temporal operator namespace create --namespace %s --retention %s, as an admin of Temporal",
					p.namespace, hours(p.command.Retention)),
				true: fmt.Sprintf("tcld namespace create --namespace %s --region YOUR-REGION --retention-days %d, or \"Create "+
					"Namespace\" in the Temporal Cloud UI, as a developer of the account; then run this again",
					short, days(p.command.Retention)),
			}[p.cloud])
			return false
		}
		// Its other services learn of it some seconds later.
		if err := p.retryUntil(ctx, time.Now().Add(propagationTimeout), isNotPropagated,
			func(ctx context.Context) error { return p.countable(ctx, "") }); err != nil {
			p.refused(check, "use it after creating it", err, "starter setup --wait 2m")
			return false
		}
		p.add(checkResult{check, created, "closed cases are kept for " + formatDuration(p.command.Retention), ""})
		return true
	}
}

func (p *setupRun) described(ctx context.Context) (d *workflowservice.DescribeNamespaceResponse, err error) {
	err = p.retryUntil(ctx, p.until, isTransient, func(ctx context.Context) error {
		d, err = p.temporal.WorkflowService().DescribeNamespace(ctx,
			&workflowservice.DescribeNamespaceRequest{Namespace: p.namespace})
		return err
	})
	return d, err
}

// prepareRetention brings a shorter one up. A namespace that lacks it can be
// gone on with.
func (p *setupRun) prepareRetention(ctx context.Context, check string, is time.Duration) bool {
	if is >= p.command.Retention {
		p.add(checkResult{check, alreadyThere, "closed cases are kept for " + formatDuration(is), ""})
		return true
	}
	err := p.retryUntil(ctx, p.until, isTransient, func(ctx context.Context) error {
		_, err := p.temporal.WorkflowService().UpdateNamespace(ctx,
			&workflowservice.UpdateNamespaceRequest{Namespace: p.namespace,
				Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(p.command.Retention)}})
		return err
	})
	if err != nil {
		p.refused(check, fmt.Sprintf("keep closed cases for %s (now %s),", formatDuration(p.command.Retention),
			formatDuration(is)), err,
			longerRetention(p.namespace, p.command.Retention, p.cloud))
		return true
	}
	p.add(checkResult{check, changed, fmt.Sprintf("closed cases are kept for %s now; before it was %s",
		formatDuration(p.command.Retention), formatDuration(is)), ""})
	return true
}

func longerRetention(namespace string, retention time.Duration, cloud bool) string {
	if cloud {
		return fmt.Sprintf("tcld namespace retention set --namespace %s --retention-days %d, or \"Retention Policy\" of the "+
			"namespace in the Temporal Cloud UI, as its admin", namespace, days(retention))
	}
	return fmt.Sprintf("temporal operator namespace update --namespace %s --retention %s, as an admin of the namespace",
		namespace, hours(retention))
}

// refused is what Temporal did not let us do, with who may do it and how.
func (p *setupRun) refused(check, what string, err error, byHand string) {
	says := fmt.Sprintf("cannot %s: %s", what, oneLine(err))
	if forbidden(err) {
		says = fmt.Sprintf("these credentials have no permission to %s", strings.TrimSuffix(what, ","))
		if p.cloud {
			says += "; Temporal Cloud does not allow it through this API"
		}
	}
	p.add(checkResult{check, notDone, says, byHand})
}

func (p *setupRun) byHand(selfHosted, cloud string, args ...any) string {
	return fmt.Sprintf(map[bool]string{false: selfHosted, true: cloud}[p.cloud], args...)
}

// onCloud recognises Temporal Cloud by its addresses: what prepares a namespace
// there is another API, with credentials of its own.
func onCloud(address string) bool {
	host, _, _ := strings.Cut(address, ":")
	return strings.HasSuffix(host, ".tmprl.cloud") || strings.HasSuffix(host, ".api.temporal.io")
}

// retryUntil makes one bounded call after the other for as long as it fails in a
// way that may pass.
func (p *setupRun) retryUntil(ctx context.Context, until time.Time, passes func(error) bool,
	call func(context.Context) error) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, answerWithin)
		err := call(bounded)
		cancel()
		if err == nil || !passes(err) || !time.Now().Before(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// isTransient is a failure of a Temporal that is starting or busy.
func isTransient(err error) bool {
	switch serviceerror.ToStatus(err).Code().String() {
	case "Unavailable", "ResourceExhausted", "DeadlineExceeded", "Internal", "Aborted":
		return true
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// isNotPropagated is a failure of a Temporal that does not know everywhere yet what
// it was told.
func isNotPropagated(err error) bool {
	_, isInvalid := errors.AsType[*serviceerror.InvalidArgument](err)
	return isTransient(err) || missing(err) || isInvalid
}

func missing(err error) bool {
	_, isNone := errors.AsType[*serviceerror.NamespaceNotFound](err)
	_, isNothing := errors.AsType[*serviceerror.NotFound](err)
	return isNone || isNothing
}

// forbidden is what credentials do not allow, or what this Temporal allows
// nobody: Temporal Cloud lacks some methods altogether.
func forbidden(err error) bool {
	switch serviceerror.ToStatus(err).Code().String() {
	case "PermissionDenied", "Unauthenticated", "Unimplemented":
		return true
	}
	return false
}

// Retention as Temporal's tools take it: Go's hours, and Temporal Cloud's days.
func hours(d time.Duration) string { return fmt.Sprintf("%.0fh", d.Hours()) }
func days(d time.Duration) int     { return int((d + 24*time.Hour - 1) / (24 * time.Hour)) }
