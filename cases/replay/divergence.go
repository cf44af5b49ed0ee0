package replay

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
)

// NonDeterminismError says where this build would do something else than a history
// says it was done.
type NonDeterminismError struct {
	// the first that this build would not have written, or what it would have added something to
	Event  *historypb.HistoryEvent
	Reason string // one line, with nothing in it that was ever encrypted
}

func (e *NonDeterminismError) Error() string {
	return fmt.Sprintf("event %d, %s: %s", e.Event.GetEventId(), e.Event.GetEventType(), e.Reason)
}

// extraCommandText is how the SDK says that this build would have done something more.
// That is also what it says of a history that was cut in the middle of what one
// workflow task decided.
const extraCommandText = "extra replay command"

// firstDivergence finds the event. The SDK names what differs, but no number, and what
// it stumbles over may come long after: so the history is replayed in parts,
// the shortest that fails is looked for by halves, and in it the first event
// that cannot be.
func (r Replayer) firstDivergence(events []*historypb.HistoryEvent, whole error) error {
	// Before a workflow task is scheduled, all that the last one decided is there.
	var cuts []int
	for i, e := range events {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED && decided(events[:i]) {
			cuts = append(cuts, i)
		}
	}
	cuts = append(cuts, len(events))
	n := sort.Search(len(cuts)-1, func(i int) bool { return r.replay(events[:cuts[i]]) != nil })
	good, bad := 0, cuts[n]
	if n > 0 {
		good = cuts[n-1]
	}
	task := events[good]
	for i := good; i < bad; i++ {
		if events[i].GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			task = events[i]
		}
		if !decided(events[:i+1]) {
			continue
		}
		if err := r.replay(events[:i+1]); err != nil && !strings.Contains(err.Error(), extraCommandText) {
			return &NonDeterminismError{Event: events[i], Reason: summarize(err.Error())}
		}
	}
	// All of it is as it should be, and not enough.
	if err := r.replay(events[:bad]); err != nil {
		whole = err
	}
	return &NonDeterminismError{Event: task, Reason: summarize(whole.Error())}
}

// attributeName is the attribute that identifies an event or a command among others of its type.
var attributeName = regexp.MustCompile(
	`\b(?:(?:ActivityType|WorkflowType):\(Name:|TimerId:|MarkerName:|SignalName:)([^,()]+)`)

// summarize is the first line of what the SDK says, with the name of an activity or
// the like in place of all its attributes, which are in brackets.
func summarize(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	text, _, _ = strings.Cut(text, ", resp: ") // what a workflow ended with
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, ": (")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		depth, end := 1, len(rest)
		for i, c := range rest {
			if c == '(' {
				depth++
			} else if c == ')' {
				depth--
			}
			if depth == 0 {
				end = i
				break
			}
		}
		if name := attributeName.FindStringSubmatch(rest[:end]); name != nil {
			out.WriteString(" " + name[1])
		}
		text = rest[min(end+1, len(rest)):]
	}
}
