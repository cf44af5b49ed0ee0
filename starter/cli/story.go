package cli

import (
	"fmt"

	"durablekyc.example/kyc"
)

// watchPrinter is what a watch has printed of a case.
type watchPrinter struct {
	view kyc.View
	told []string // the timeline's sentences
}

// follow prints what is new: the whole case first, then the lines that came,
// and its stage if that changed.
func (p printer) follow(v kyc.View, s *watchPrinter) error {
	before := s.view
	first := s.told == nil
	if !first && v.Version == before.Version && len(v.Timeline) == len(before.Timeline) {
		return nil // its history grew, and nothing that a person can see changed
	}
	p.footer("")
	s.view = v
	if p.json {
		s.told = sentences(v)
		return p.value(v)
	}
	if first {
		s.told = sentences(v)
		return p.printCase(v)
	}
	now := sentences(v)
	for i, sentence := range now {
		// The last line printed may have changed: hints in a row share one.
		if i >= len(s.told) || s.told[i] != sentence {
			p.printf("  %s  %s", p.local(v.Timeline[i].At), sentence)
		}
	}
	s.told = now
	if v.Headline() != before.Headline() || !v.Until.Equal(before.Until) {
		p.coloured(v.Stage, "  "+v.Headline())
		for _, line := range p.statusLines(v) {
			p.printf("  %s", line)
		}
	}
	return nil
}

func sentences(v kyc.View) []string {
	all := make([]string, 0, len(v.Timeline))
	for _, e := range v.Timeline {
		all = append(all, e.String())
	}
	return all
}

// footer is the line that moves while nothing happens.
func (s *watchPrinter) footer(p printer) string {
	if s.told == nil {
		return "waiting for a worker · Ctrl-C stops watching, the case continues"
	}
	return fmt.Sprintf("%s · %s left · Ctrl-C stops watching, the case continues", s.view.Stage,
		formatDuration(s.view.Until.Sub(p.clock())))
}
