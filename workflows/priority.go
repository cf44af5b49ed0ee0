package workflows

import "go.temporal.io/sdk/temporal"

// Priority says which of the tasks that wait in a task queue a worker gets first: 1 before 5. A case's priority is that
// of its workflow tasks, and of every activity, continued run and notifier that has none of its own. It orders what
// waits in Temporal, and nothing while workers keep up.
type Priority int

// Temporal has five levels; its own default is PriorityDefault.
const (
	PriorityInteractive Priority = 2 // a caller or an applicant waits: cases of the API, and documents
	PriorityDefault     Priority = 3 // cases that an operator starts by hand
	PriorityRead        Priority = 4 // polls of the status, which nobody waits for
	PriorityBatch       Priority = 5 // cases of a batch
)

// Options is the priority as Temporal takes it. The zero Priority is the default.
func (p Priority) Options() temporal.Priority { return temporal.Priority{PriorityKey: int(p)} }
