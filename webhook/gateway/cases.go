package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"durablekyc.example/cases"
	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// lookup is what an application id leads to: ConnectFi's own word, our case,
// or both. One that has no case was not begun here, and its calls pass through.
type lookup struct {
	reference string
	live      connectfi.Application // without an id if ConnectFi was not or could not be asked
	view      kyc.View
	ours      bool
}

// find leads from a customer and an application to the case. Nothing of ours
// says which reference an application has: ConnectFi does, and who started
// the case here remembers it, so that a ConnectFi that is away hides no case.
func (a *API) find(ctx context.Context, customerID, applicationID string) (s lookup, err error) {
	var (
		named bool
		away  error // why ConnectFi could not say anything
	)
	if s.reference, named = strings.CutPrefix(applicationID, referencePrefix); !named {
		s.live, err = a.config.ConnectFi.Status(ctx, connectfi.StatusRequest{
			CustomerID: customerID, ApplicationID: applicationID})
		theirs, isTheirs := errors.AsType[*connectfi.Error](err)
		switch {
		case err == nil:
			a.references.keep(applicationID, s.live.Reference)
		case isTheirs && !theirs.Temporary():
			return s, fromConnectFi(err, ids{customer: customerID, application: applicationID})
		default:
			away = fromConnectFi(err, ids{})
		}
		s.reference = a.references.reference(applicationID)
		if s.reference == "" {
			return s, away // nil: ConnectFi knows it, and does not say under which reference
		}
	}
	s.view, err = a.edge.Cases.Show(ctx, s.reference)
	s.ours = err == nil && s.view.CustomerID == customerID && (named || s.view.ApplicationID == applicationID)
	switch {
	case s.ours, s.live.ApplicationID != "":
		return s, nil // even without a worker: ConnectFi's word is as good as ours to read
	case away != nil:
		return s, away // it may be there all the same
	case err == nil, errors.Is(err, cases.ErrNotFound), errors.Is(err, cases.ErrEnded):
		return s, applicationNotFound(applicationID)
	}
	return s, err
}

// caseIsAuthoritative reports whether the case is the one to ask: one that ended without a
// decision has nothing to say about an application that may go on at ConnectFi.
func (s lookup) caseIsAuthoritative() bool {
	return s.ours && (s.live.ApplicationID == "" || s.view.Stage != kyc.Expired && s.view.Stage != kyc.Withdrawn)
}

// status is POST /akepa/status (C), answered by the case. Where ConnectFi says
// something else, that is a hint like a callback: the case reads it itself.
func (a *API) status(c *gin.Context) (any, error) {
	asked, err := decode[connectfi.StatusRequest](a, c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.withTimeout(c)
	defer cancel()
	s, err := a.find(ctx, asked.CustomerID, asked.ApplicationID)
	switch {
	case err != nil:
		return nil, err
	case !s.caseIsAuthoritative():
		return s.live, nil
	}
	if s.live.ApplicationID != "" && !s.view.Stage.Final() && !equalApplications(s.live, applicationOf(s.view)) {
		if now, err := a.edge.Cases.Refresh(ctx, s.reference, actor(c)); err == nil {
			s.view = now
		}
	}
	return toResponse(s.view)
}

// equalApplications reports whether two answers say the same, in whatever order.
func equalApplications(x, y connectfi.Application) bool {
	byID := func(a, b connectfi.EntityApplication) int { return strings.Compare(a.EntityID, b.EntityID) }
	return x.Status == y.Status && x.Outcome == y.Outcome && slices.Equal(
		slices.SortedFunc(slices.Values(x.EntityApplications), byID),
		slices.SortedFunc(slices.Values(y.EntityApplications), byID))
}

// maxShown is how many cases are asked at once for one list.
const maxShown = 8

// list is POST /akepa/list (C): ConnectFi's list, in which each application that
// is a case says what the case says. What cannot be asked in time stays as
// ConnectFi said it.
func (a *API) list(c *gin.Context) (any, error) {
	asked, err := decode[connectfi.ListRequest](a, c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.withTimeout(c)
	defer cancel()
	page, err := a.config.ConnectFi.List(ctx, asked)
	if err != nil {
		return nil, fromConnectFi(err, ids{customer: asked.CustomerID})
	}
	var group errgroup.Group
	group.SetLimit(maxShown)
	for i, live := range page.Applications {
		group.Go(func() error {
			s := lookup{live: live}
			var err error
			s.view, err = a.edge.Cases.Show(ctx, live.Reference)
			s.ours = err == nil && s.view.CustomerID == asked.CustomerID && s.view.ApplicationID == live.ApplicationID
			if s.caseIsAuthoritative() {
				page.Applications[i] = applicationOf(s.view)
				a.references.keep(live.ApplicationID, live.Reference)
			}
			return nil
		})
	}
	return page, group.Wait()
}

// referenceCache says which reference an application has. It may forget: it only saves
// asking ConnectFi, and helps where ConnectFi cannot be asked.
type referenceCache struct {
	mu  sync.Mutex
	all map[string]string
}

// maxKept bounds it, to some 3 MB.
const maxKept = 20_000

func newReferenceCache() *referenceCache { return &referenceCache{all: map[string]string{}} }

func (m *referenceCache) keep(applicationID, reference string) {
	if applicationID == "" || reference == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) >= maxKept {
		clear(m.all)
	}
	m.all[applicationID] = reference
}

func (m *referenceCache) reference(applicationID string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[applicationID]
}
