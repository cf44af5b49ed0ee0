package kyc_test

import (
	"fmt"
	"strings"
	"time"

	"durablekyc.example/kyc"
)

// named puts names for the ids, which stories have none of.
func (s *story) named(text string) string {
	for id, name := range s.names {
		text = strings.ReplaceAll(text, id, name)
	}
	return text
}

// answer is how the case stands: what it needs next, until when, and what is
// new in its timeline and for receivers.
func (s *story) answer() string {
	var out strings.Builder
	v := s.c.View()
	fmt.Fprintf(&out, "stage:    %s\n", v.Stage)
	if v.Reason != "" {
		fmt.Fprintf(&out, "reason:   %s\n", v.Reason)
	}
	fmt.Fprintf(&out, "waits:    for %s\n", waitsFor[v.WaitingOn])
	for _, e := range v.Entities {
		for _, missing := range e.Missing {
			fmt.Fprintf(&out, "wanted:   from %s: %s\n", e.ID, missing)
		}
	}
	fmt.Fprintf(&out, "next:     %s\n", s.next(s.c.Next(s.now)))
	if !v.Until.IsZero() {
		fmt.Fprintf(&out, "until:    %s; then %s\n", v.Until.Format(clock), v.OnDeadline)
	}
	for _, n := range s.c.Notices {
		fmt.Fprintf(&out, "notifies: %s\n", n.Type)
	}
	s.c.AckNotices(len(s.c.Notices))
	printed := s.lines
	s.lines = nil
	for i, e := range v.Timeline {
		s.lines = append(s.lines, fmt.Sprintf("%s  %s", e.At.Format(clock), e))
		if i >= len(printed) || printed[i] != s.lines[i] {
			fmt.Fprintf(&out, "timeline: %s\n", s.lines[i])
		}
	}
	return s.named(out.String())
}

var waitsFor = map[kyc.WaitingOn]string{kyc.OnConnectFi: "ConnectFi", kyc.OnApplicant: "the applicant",
	kyc.OnClient: "the client", kyc.OnReviewer: "a reviewer at ConnectFi", kyc.OnOperator: "an operator",
	kyc.OnNobody: "nothing"}

func (s *story) next(n kyc.NextStep) string {
	switch n.Action {
	case kyc.ActionIdentify:
		return "ask ConnectFi for the application"
	case kyc.ActionSubmit:
		return fmt.Sprintf("send ConnectFi the images of %s (%s)", n.Submission.Entity, n.Submission.Label())
	case kyc.ActionReadStatus:
		return "read the status now"
	case kyc.ActionPollStatus:
		first, last := s.c.ReadEvery()
		if first == last {
			return "read the status about every " + span(first)
		}
		return "read the status ever less often: every " + span(first) + " at first, every " + span(last) + " in the end"
	case kyc.ActionWait:
		return "wait until " + n.At.Format(clock)
	}
	return "nothing"
}

// span is a duration in whole minutes or hours.
func span(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	case d == time.Minute:
		return "minute"
	}
	return fmt.Sprintf("%.0f minutes", d.Minutes())
}
