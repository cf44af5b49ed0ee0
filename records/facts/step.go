package facts

import (
	"fmt"

	"durablekyc.example/kyc"
)

// Stepped is what facts make of a case.
type Stepped struct {
	Case    kyc.Case
	Decided int // the number of the fact that ended the case; 0 if none did
}

// Step takes a case through its facts under its policy. The error is an *Error that names the first fact that a case
// cannot have.
func Step(all []Fact, policy kyc.Policy) (s Stepped, err error) {
	for i, f := range all {
		if err := s.step(i == 0, f, policy); err != nil {
			return s, &Error{f.N, err.Error()}
		}
		if s.Decided == 0 && s.Case.Stage.Final() {
			s.Decided = f.N
		}
	}
	return s, nil
}

func (s *Stepped) step(first bool, f Fact, policy kyc.Policy) error {
	switch begins := f.What == WhatStarted || f.What == WhatRestored; {
	case first && !begins:
		return fmt.Errorf("a case starts with %q or %q, not with %q", WhatStarted, WhatRestored, f.What)
	case !first && begins:
		return fmt.Errorf("a case cannot start twice")
	}
	switch f.What {
	case WhatStarted:
		var data Started
		if err := strict(f.Data, &data); err != nil {
			return fmt.Errorf("it lacks the fields of a start")
		}
		s.Case = kyc.New(data.Reference, data.CustomerID, policy, data.At)
		s.Case.Identity = data.Identity
		s.Case.StartedBy(data.By)
		return nil
	case WhatRestored:
		var data Restored
		if err := strict(f.Data, &data); err != nil {
			return fmt.Errorf("it lacks the fields of a case")
		}
		s.Case = data.Case
		s.Case.Policy = policy
		return nil
	case WhatCarried:
		return s.carried(f)
	}
	event, err := f.event()
	if err != nil {
		return err
	}
	s.Case.Apply(event)
	return nil
}

func (s *Stepped) carried(f Fact) error {
	var data Carried
	if err := strict(f.Data, &data); err != nil {
		return fmt.Errorf("it lacks the digest of the case")
	}
	sum, err := digestOf(s.Case)
	if err == nil && sum != data.Case {
		err = fmt.Errorf("run %d did not continue with the case that the previous run ended with", f.Run)
	}
	return err
}
