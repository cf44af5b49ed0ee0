package cli

import (
	"context"
	"errors"
	"log/slog"

	"go.temporal.io/sdk/client"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/temporalclient"
)

// doctorCommand looks at everything that has to be right before a case can run,
// one by one, and says the way out of what is not. It is given what the worker
// is given: what is looked at is what these variables say, from this machine.
//
// It changes nothing: it asks, writes one image into the bucket and takes it
// away again, and knocks at the webhook with a callback that is none.
type doctorCommand struct{}

// What doctor found.
const (
	statusOK state = "ok"
	warning  state = "warning"
	wrong    state = "WRONG"
	skipped  state = "skipped" // it could not be checked, for a reason that is printed
)

// doctorRun is one run of doctor.
type doctorRun struct {
	findings
	lookup config.Lookup

	temporal  client.Client // nil unless it is reached
	namespace string
	cloud     bool
	named     bool               // the namespace is there
	keyset    *encryption.Keyset // nil unless it opens
	keys      linktoken.Keys     // zero unless they can be used
}

func (doctorCommand) Run(ctx context.Context, a *app) error {
	lookup, err := a.lookup()
	if err != nil {
		return err
	}
	x := &doctorRun{findings: findings{out: a.out}, lookup: lookup}
	defer x.close()
	for _, look := range []func(context.Context){
		x.checkTemporal, x.checkNamespace, x.checkAttributes, x.checkWorkers, x.checkDeployment,
		x.checkLinkKeys, x.checkKeyset, x.checkCases, x.checkStuck, x.checkDocuments, x.checkRecords,
		x.checkConnectFi, x.checkPublicURL, x.checkCallbackURL,
		x.checkPolicy, x.checkNotify,
	} {
		look(ctx)
		if ctx.Err() != nil {
			return &cliError{err: errors.New("interrupted: not all checks ran"), next: "starter doctor"}
		}
	}
	return x.end(wrong)
}

func (x *doctorRun) close() {
	if x.temporal != nil {
		x.temporal.Close()
	}
}

// What a look ends with.
func (x *doctorRun) ok(check, says string)        { x.add(checkResult{check, statusOK, says, ""}) }
func (x *doctorRun) skip(check, why string)       { x.add(checkResult{check, skipped, why, ""}) }
func (x *doctorRun) warn(check, says, fix string) { x.add(checkResult{check, warning, says, fix}) }
func (x *doctorRun) bad(check, says, fix string)  { x.add(checkResult{check, wrong, says, fix}) }

// value is a variable that the worker cannot do without. That it is not set
// here is wrong as well: a doctor who has not looked has found nothing out.
func (x *doctorRun) value(name, means string) (text string, ok bool) {
	text, _, err := x.lookup.Value(name)
	switch {
	case err != nil:
		x.bad(name, oneLine(err), "set only one of the two, to the worker's value")
	case text == "":
		x.bad(name, "not set: "+means, name+"=the-value-of-the-worker starter doctor")
	default:
		return text, true
	}
	return "", false
}

func (x *doctorRun) options() temporalclient.Options {
	return temporalclient.Options{Lookup: x.lookup, Logger: slog.New(slog.DiscardHandler)}
}
