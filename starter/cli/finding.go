package cli

// checkResult is the result of one step of setup or one check of doctor: a line for
// a person, with the way out below it where something is wrong.
type checkResult struct {
	Check string `json:"check"`
	State state  `json:"state"`
	Says  string `json:"says"`
	Fix   string `json:"fix,omitempty"` // a command or a variable, as it is typed
}

type state string

// What setup did.
const (
	created      state = "created"
	changed      state = "changed"
	alreadyThere state = "already there"
	notDone      state = "NOT DONE"
)

// findings are printed as they come, and as one JSON document with --json.
type findings struct {
	out printer
	all []checkResult
}

func (f *findings) add(one checkResult) {
	f.all = append(f.all, one)
	if f.out.json {
		return
	}
	f.out.printf("%-13s  %s: %s", one.State, one.Check, one.Says)
	if one.Fix != "" {
		f.out.printf("%-13s  try: %s", "", one.Fix)
	}
}

// end prints the JSON document, and returns the command's error: one that has
// printed everything already if one of the findings is in this state.
func (f *findings) end(bad state) error {
	if f.out.json {
		if err := f.out.value(f.all); err != nil {
			return err
		}
	}
	for _, one := range f.all {
		if one.State == bad {
			return errReported{}
		}
	}
	return nil
}

// errReported is a failure whose every word is printed.
type errReported struct{}

func (errReported) Error() string { return "a check failed" }
