package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"durablekyc.example/connectfi"
)

const (
	// pageSize is how many applications of a customer are asked for at once: fewer
	// than the 1000 the list takes (C), so that an answer stays far below the
	// client's limit of 1 MiB.
	pageSize = 200

	// day is the shortest time that the list is asked for.
	day = 24 * time.Hour
)

// oldest is before every application: the pages print no earlier year than 2022 (C).
var oldest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// search looks for the application with one reference among a customer's.
type search struct {
	connectfi *connectfi.Client
	asked     ReadRequest
	size      int // of a page
	matches   map[string]connectfi.Application
}

// lookUp finds the application with this reference among the customer's. Should
// there be several, the one with the smallest id is everybody's choice. Where the
// list answers that this was too much to ask for (C), smaller pages and shorter
// times are asked for, until all of them were answered: one that was not is no proof
// that there is none.
func (a *Activities) lookUp(ctx context.Context, r ReadRequest) (found connectfi.Application, ok bool, err error) {
	s := &search{connectfi: a.ConnectFi, asked: r, size: pageSize, matches: map[string]connectfi.Application{}}
	if err := s.all(ctx); err != nil {
		return connectfi.Application{}, false, err
	}
	for _, application := range s.matches {
		if !ok || application.ApplicationID < found.ApplicationID {
			found, ok = application, true
		}
	}
	if len(s.matches) > 1 {
		activity.GetLogger(ctx).Warn("ConnectFi has several applications under one reference", "reference", r.Reference,
			"count", len(s.matches))
	}
	return found, ok, nil
}

// all asks without dates, and for one time after the other where the list refuses
// that: each as long as it takes, the newest first.
func (s *search) all(ctx context.Context) error {
	err := s.pages(ctx, connectfi.ListRequest{})
	if !narrower(err) {
		return err
	}
	first := oldestOf(s.asked.CustomerID)
	to := time.Now().UTC().Add(day) // a clock of ours may be slow
	for width := to.Sub(first); to.After(first); {
		from := to.Add(-width).Truncate(time.Second)
		if from.Before(first) {
			from = first
		}
		err := s.pages(ctx, connectfi.ListRequest{DateCreateFrom: from.Format(time.RFC3339),
			DateCreateTo: to.Format(time.RFC3339)})
		switch {
		case err == nil:
			to = from // which both have: what was made then must be in one of them
		case narrower(err) && width > day:
			width = max(width/2, day)
		default:
			return err
		}
	}
	return nil
}

// oldestOf is when a customer's first application can have been made: not before
// the customer, whose id says when that was (D).
func oldestOf(customerID string) time.Time {
	made, err := connectfi.IDTime(customerID)
	if made = made.Truncate(time.Second).Add(-day); err != nil || made.Before(oldest) || made.After(time.Now()) {
		return oldest
	}
	return made
}

// pages asks for one page after the other, and for smaller ones where the list
// says that they are too large.
func (s *search) pages(ctx context.Context, r connectfi.ListRequest) error {
	r.CustomerID = s.asked.CustomerID
	for {
		r.NumberOfRecords = s.size
		page, err := s.connectfi.List(ctx, r)
		refused, isRefused := errors.AsType[*connectfi.Error](err)
		if isRefused && refused.TooManyRecords() && s.size > 1 {
			s.size /= 2
			continue
		}
		if err != nil {
			return err
		}
		for _, application := range page.Applications {
			if application.Reference == s.asked.Reference {
				s.matches[application.ApplicationID] = application
			}
		}
		if r.SkipRecords += len(page.Applications); !page.More {
			return nil
		}
	}
}

// narrower reports a refusal that a shorter time can mend.
func narrower(err error) bool {
	refused, isRefused := errors.AsType[*connectfi.Error](err)
	return isRefused && (refused.BadTimeFrame() || refused.TooManyRecords())
}
