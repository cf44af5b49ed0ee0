package page

import (
	"slices"
	"strings"
)

// formView is a Form in one language. Where a type has one side and another has
// two, the style sheet hides the back for the former, and the server does not
// look at it.
type formView struct {
	Form
	At       string // begins every id of the form
	Case     Case
	Types    []typeView
	Sides    []sideView
	Rules    string // the limits in words
	TypeBad  bool
	AgreeBad bool
	Other    string // another problem of the whole form
	First    bool   // of the page: it has the advice
	Mixed    bool   // some types have two sides, some have one
	Warned   bool   // an image looks wrong and may be sent all the same
}

type typeView struct {
	At, Value, Name string
	Chosen, Two     bool
}

type sideView struct {
	At, Name    string // the name of the field: front or back
	Label       string
	Alone       string // the label when the chosen type has this side only
	When        string // the types that need it, when not all do
	Kept        bool
	Told        bool // that it is kept; a doubt about it says more
	Problem     string
	Redraw      bool // the script sends it again as the browser draws it
	Warnings    []string
	Limits      Limits
	DescribedBy string
}

func viewForm(w catalog, at string, f *Form, c Case, blame bool) *formView {
	v := &formView{Form: *f, At: at, Case: c, Rules: w.rules(c.Limits), TypeBad: f.Problem == "type_unknown",
		AgreeBad: !c.Consent.Given && (f.Problem == "consent_missing" || blame)}
	if f.Problem != "" && !v.TypeBad && !v.AgreeBad {
		v.Other = f.Problem
	}
	var both []string // the names of the types with two sides
	for _, kind := range f.Types {
		t := typeView{At: at + "-type-" + kind.Value, Value: kind.Value, Name: w.of("type", kind.Value, "label"),
			Chosen: kind.Value == f.Chosen || len(f.Types) == 1, Two: slices.Contains(kind.Sides, "back")}
		if t.Two {
			both = append(both, t.Name)
		}
		v.Types = append(v.Types, t)
	}
	v.Mixed = len(both) > 0 && len(both) < len(f.Types)
	for _, name := range Sides {
		if name == "back" && len(both) == 0 {
			continue
		}
		side := f.Sides[name]
		s := sideView{At: at + "-" + name, Name: name, Label: w.of("side", name, "label"), Kept: side.Kept,
			Problem: side.Problem, Warnings: side.Warnings, Limits: c.Limits}
		switch {
		case name == "front" && len(both) == 0:
			s.Label = w.text["side.only"]
		case name == "front" && v.Mixed:
			s.Alone = w.text["side.only"]
		case name == "back" && v.Mixed:
			s.When = strings.ReplaceAll(w.text["side.back.when"], "{types}", strings.Join(both, ", "))
		}
		s.Redraw = slices.Contains(redrawn, s.Problem)
		s.Told = s.Kept && len(s.Warnings) == 0
		s.DescribedBy = s.described(at)
		v.Warned = v.Warned || len(side.Warnings) > 0
		v.Sides = append(v.Sides, s)
	}
	return v
}

// described lists the ids of what is said about the field, the worst first.
func (s sideView) described(at string) string {
	var ids []string
	for _, part := range []struct {
		is bool
		id string
	}{
		{s.Problem != "", s.At + "-problem"}, {len(s.Warnings) > 0, s.At + "-warnings"},
		{s.Told, s.At + "-kept"}, {s.When != "", s.At + "-when"}, {true, at + "-rules"},
	} {
		if part.is {
			ids = append(ids, part.id)
		}
	}
	return strings.Join(ids, " ")
}

// errorSummary are the form's lines of the summary, in the order of its fields.
func (v *formView) errorSummary(w catalog, p personView, l Limits) (all []trouble) {
	add := func(at, where, group, code string) {
		all = append(all, trouble{at, where, w.fill(w.of(group, code, "why"), l), group == "warning"})
	}
	if v.Other != "" {
		add(v.At+"-title", p.Title, "problem", v.Other)
	}
	if v.TypeBad {
		at := v.At + "-title" // with one type there is nothing to choose
		if len(v.Types) > 1 {
			at = v.Types[0].At
		}
		add(at, p.Title, "problem", "type_unknown")
	}
	for _, side := range v.Sides {
		where := side.Label
		if len(v.Case.People) > 1 {
			where = p.Title + ", " + side.Label
		}
		if side.Problem != "" {
			add(side.At, where, "refusal", side.Problem)
		}
		for _, warning := range side.Warnings {
			add(side.At, where, "warning", warning)
		}
	}
	if v.AgreeBad {
		add(v.At+"-consent", w.text["consent.title"], "problem", "consent_missing")
	}
	return all
}
