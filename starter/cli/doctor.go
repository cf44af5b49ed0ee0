package cli

import (
	"context"
	"errors"
	"log/slog"

	"go.temporal.io/sdk/client"

	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/env"
	"durablekyc.example/internal/seal"
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
	fine    state = "ok"
	warning state = "warning"
	wrong   state = "WRONG"
	skipped state = "skipped" // it could not be looked at, for a reason that is told
)

// examination is one run of doctor.
type examination struct {
	findings
	lookup env.Lookup

	temporal  client.Client // nil unless it is reached
	namespace string
	cloud     bool
	named     bool         // the namespace is there
	keyset    *seal.Keyset // nil unless it opens
	keys      seal.Keys    // zero unless they can be used
}

func (doctorCommand) Run(ctx context.Context, a *app) error {
	lookup, err := a.lookup()
	if err != nil {
		return err
	}
	x := &examination{findings: findings{out: a.out}, lookup: lookup}
	defer x.close()
	for _, look := range []func(context.Context){
		x.seeTemporal, x.seeNamespace, x.seeAttributes, x.seeWorkers, x.seeDeployment,
		x.seeLinkKeys, x.seeKeyset, x.seeCases, x.seeStuck, x.seeDocuments,
		x.seeConnectFi, x.seePublicURL, x.seeCallbackURL,
		x.seePolicy, x.seeNotify,
	} {
		look(ctx)
		if ctx.Err() != nil {
			return &problem{err: errors.New("stopped before everything was looked at"), next: "starter doctor"}
		}
	}
	return x.end(wrong)
}

func (x *examination) close() {
	if x.temporal != nil {
		x.temporal.Close()
	}
}

// What a look ends with.
func (x *examination) ok(check, says string)        { x.add(finding{check, fine, says, ""}) }
func (x *examination) skip(check, why string)       { x.add(finding{check, skipped, why, ""}) }
func (x *examination) warn(check, says, fix string) { x.add(finding{check, warning, says, fix}) }
func (x *examination) bad(check, says, fix string)  { x.add(finding{check, wrong, says, fix}) }

// value is a variable that the worker cannot do without. That it is not set
// here is wrong as well: a doctor who has not looked has found nothing out.
func (x *examination) value(name, means string) (text string, ok bool) {
	text, _, err := x.lookup.Value(name)
	switch {
	case err != nil:
		x.bad(name, sentence(err), "set one of them, to what the worker has")
	case text == "":
		x.bad(name, "it is not set: "+means, name+"=what-the-worker-has starter doctor")
	default:
		return text, true
	}
	return "", false
}

func (x *examination) options() cluster.Options {
	return cluster.Options{Lookup: x.lookup, Logger: slog.New(slog.DiscardHandler)}
}
