package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// Nobody acts and no callback comes: every case ends all the same, by a poll
// or at its deadline.
func TestForgottenCasesEnd(t *testing.T) {
	faults(t, map[string]any{"drop_callbacks": 1})
	ends := map[string]kyc.Stage{"approve": kyc.Approved, "deny": kyc.Denied, "running": kyc.Approved}
	for _, s := range scenarios {
		end, decided := ends[s.name]
		if !decided {
			end = kyc.Expired
		}
		customer, reference := customers(t, "individual", s.name, 1)[0], "forgotten"+letters(s.name)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			begin(t, reference, customer, hurried())
			v := until(t, reference, final)
			require.Equal(t, end, v.Stage, "%+v", v)
			if s.first == kyc.AwaitingDocuments {
				require.Contains(t, whats(v), kyc.WhatReminder)
			}
			if end == kyc.Expired {
				require.WithinDuration(t, v.StartedAt.Add(deadline(s.first)), v.EndedAt, 5*time.Second)
			}
		})
	}
}

// deadline of a stage under the hurried policy.
func deadline(s kyc.Stage) time.Duration {
	if s == kyc.AwaitingDocuments {
		return time.Duration(hurried().Documents)
	}
	return time.Duration(hurried().Case)
}
