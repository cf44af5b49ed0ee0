package cli

// finding is what came of one step of setup or one check of doctor: a line for
// a person, with the way out below it where something is wrong.
type finding struct {
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

// findings are told as they come, and together to machines.
type findings struct {
	out printer
	all []finding
}

func (f *findings) add(one finding) {
	f.all = append(f.all, one)
	if f.out.json {
		return
	}
	f.out.say("%-13s  %s: %s", one.State, one.Check, one.Says)
	if one.Fix != "" {
		f.out.say("%-13s  try: %s", "", one.Fix)
	}
}

// end tells machines all, and gives the command its end: an error that has
// told everything already if one of the findings is in this state.
func (f *findings) end(bad state) error {
	if f.out.json {
		if err := f.out.value(f.all); err != nil {
			return err
		}
	}
	for _, one := range f.all {
		if one.State == bad {
			return allSaid{}
		}
	}
	return nil
}

// allSaid is a failure whose every word is printed.
type allSaid struct{}

func (allSaid) Error() string { return "something is wrong" }
