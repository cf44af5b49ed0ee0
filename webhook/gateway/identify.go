package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/internal/weburl"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// identification is the body of POST /akepa/identification (S) with both
// spellings of the webhook's address: the page's table says webhookURL, its
// bodies webhookUrl.
type identification struct {
	CustomerID string  `json:"customerId"`
	Reference  string  `json:"reference"`
	SyncMode   *bool   `json:"syncMode,omitempty"`
	WebhookURL *string `json:"webhookUrl,omitempty"`
	TableURL   *string `json:"webhookURL,omitempty"`
}

// Validate is ConnectFi's schema (S), and that two spellings say one thing: Ajv
// would call that a const which refers to the other property.
func (i identification) Validate() []connectfi.Problem {
	problems := connectfi.IdentificationRequest{
		CustomerID: i.CustomerID, Reference: i.Reference, WebhookURL: i.webhook()}.Validate()
	for n, p := range problems {
		if p.InstancePath == "/webhookUrl" && i.WebhookURL == nil {
			problems[n].InstancePath = "/webhookURL"
			problems[n].SchemaPath = strings.Replace(p.SchemaPath, "webhookUrl", "webhookURL", 1)
		}
	}
	if len(problems) == 0 {
		property := "webhookUrl"
		if i.WebhookURL == nil {
			property = "webhookURL"
		}
		problems = reachable(i.webhook(), property)
	}
	if i.WebhookURL != nil && i.TableURL != nil && *i.WebhookURL != *i.TableURL {
		problems = append(problems, connectfi.NewProblem("/webhookURL", "const", "allowedValue",
			map[string]string{"$data": "1/webhookUrl"}, "must be equal to constant"))
	}
	return problems
}

// reachable refuses an address that no event could ever be sent to, while the
// caller is on the line. What ConnectFi itself answers to one is not known (A).
func reachable(address, property string) []connectfi.Problem {
	if address == "" {
		return nil // none
	}
	if fault := weburl.Fault(address); fault != "" {
		return []connectfi.Problem{connectfi.NewProblem("/"+property, "format", "format", "uri",
			"must match format \"uri\": "+fault)}
	}
	return nil
}

// webhook is the address in either spelling, or empty.
func (i identification) webhook() string {
	switch {
	case i.WebhookURL != nil:
		return *i.WebhookURL
	case i.TableURL != nil:
		return *i.TableURL
	}
	return ""
}

// identify is POST /akepa/identification (S): the case under this reference,
// started or found. The same request again, at any time and from any number of
// callers, is the same application.
func (a *API) identify(c *gin.Context) (any, error) {
	asked, err := decode[identification](a, c)
	if err != nil {
		return nil, err
	}
	v, err := a.startOrFind(c, cases.StartOptions{Reference: asked.Reference, CustomerID: asked.CustomerID,
		SyncMode: asked.SyncMode, WebhookURL: asked.webhook(), Notify: a.config.Notify, Policy: a.config.Policy,
		By: actor(c), Priority: workflows.PriorityInteractive})
	refused, isRefused := errors.AsType[*cases.RefusedError](err)
	switch {
	case isRefused && refused.Type == workflows.RefusedOtherWebhook:
		return nil, invalid([]connectfi.Problem{connectfi.NewProblem("/webhookUrl", "const", "allowedValue",
			"as the case has it",
			"must be equal to constant: this reference already has another webhookUrl; omit it to get the case")})
	case isRefused && refused.Type == workflows.RefusedOtherCustomer,
		errors.Is(err, cases.ErrEnded): // ended in Temporal, without a result: the reference is used up
		return nil, referenceExists(asked.Reference)
	case err != nil:
		return nil, err
	}
	a.references.keep(v.ApplicationID, v.Reference)
	return toResponse(v)
}

// startOrFind starts the case or finds it, and returns its present state. The answer to
// a start is the first status, however long ago that was: a case that was found
// is asked again.
func (a *API) startOrFind(c *gin.Context, o cases.StartOptions) (kyc.View, error) {
	ctx, cancel := a.withTimeout(c)
	defer cancel()
	v, err := a.edge.Cases.Start(ctx, o)
	switch {
	case errors.Is(err, cases.ErrNoAnswer):
		return a.stillRunning(c, o, err)
	case err != nil || v.Stage.Final():
		return v, err
	}
	switch now, err := a.edge.Cases.Show(ctx, o.Reference); {
	case errors.Is(err, cases.ErrEnded):
		return kyc.View{}, err
	case err == nil:
		v = now
	}
	if err := o.Matches(v); err != nil { // its webhookUrl was changed since the first status
		return kyc.View{}, err
	}
	// ConnectFi refused, and a caller that asks again has mended the cause since. Not
	// in the same breath: this may be the very call that was refused.
	if v.ApplicationID == "" && v.Refusal != nil && time.Since(lastRefused(v)) > a.config.Timeout {
		if now, err := a.edge.Cases.Refresh(ctx, o.Reference, o.By); err == nil {
			v = now
		}
	}
	return v, nil
}

// stillRunning is the answer when no status came in time: the case exists and goes
// on, which Temporal knows without a worker. If even that is unknown, the
// caller must ask again.
func (a *API) stillRunning(c *gin.Context, o cases.StartOptions, why error) (kyc.View, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), 2*time.Second)
	defer cancel()
	if _, err := a.edge.Cases.Revision(ctx, o.Reference); err != nil {
		return kyc.View{}, errors.Join(why, err)
	}
	return kyc.View{Reference: o.Reference, CustomerID: o.CustomerID, Stage: kyc.Identifying}, nil
}

func lastRefused(v kyc.View) (at time.Time) {
	for _, e := range v.Timeline {
		if e.What == kyc.EntryRefused {
			at = e.At
		}
	}
	return at
}

// referencePrefix begins the application id of a case whose own is not known yet.
// With the longest reference it is 36 characters of an id's alphabet, so every
// schema takes it (S); status and update find the case by it. An empty id would
// be of no use to anybody, and an invented one would be looked for at ConnectFi.
const referencePrefix = "ref_"

// toResponse is a case in ConnectFi's words: what ConnectFi said last, or its refusal.
func toResponse(v kyc.View) (any, error) {
	if err := rejectedBeforeOpen(v); err != nil {
		return nil, err
	}
	return applicationOf(v), nil
}

// applicationOf writes a case as the page prints an application, the customer
// after its representatives (S). While ConnectFi has not said anything that
// counts, the case is running: under way, nothing wanted (C).
func applicationOf(v kyc.View) connectfi.Application {
	status := connectfi.Status(cmp.Or(v.Status, kyc.Status(connectfi.StatusRunning)))
	application := connectfi.Application{ApplicationID: cmp.Or(v.ApplicationID, referencePrefix+v.Reference),
		AggregatorID: v.AggregatorID, CustomerID: v.CustomerID, Reference: v.Reference, Status: status,
		Outcome: connectfi.Outcome(v.RawOutcome)}
	for _, e := range v.Entities {
		application.EntityApplications = append(application.EntityApplications, connectfi.EntityApplication{EntityID: e.ID,
			IsCustomer: e.IsCustomer, Status: connectfi.Status(e.Status), Outcome: connectfi.Outcome(e.Outcome)})
	}
	if len(v.Entities) == 0 {
		application.EntityApplications = []connectfi.EntityApplication{
			{EntityID: v.CustomerID, IsCustomer: true, Status: status}}
	}
	slices.SortStableFunc(application.EntityApplications, func(x, y connectfi.EntityApplication) int {
		switch {
		case x.IsCustomer == y.IsCustomer:
			return 0
		case y.IsCustomer:
			return -1
		}
		return 1
	})
	return application
}
