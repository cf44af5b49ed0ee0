package main

import (
	"strings"
	"testing"
)

// What the check is for, one by one: each fault is found, and what is right is let pass.
func TestFaultsAreFound(t *testing.T) {
	known := inventory{
		"kyc_cases":           {"gauge", map[string][]string{"stage": {"held", "in_review"}}},
		"kyc_callbacks_total": {"counter", map[string][]string{"result": {"accepted", "shed"}}},
		"kyc_x_seconds":       {"histogram", map[string][]string{"route": nil}},
	}
	for _, test := range []struct{ expr, legend, says string }{
		{`max by (stage) (kyc_cases)`, "{{stage}}", ""},
		{`sum(rate(kyc_callbacks_total{result=~"accepted|shed"}[5m])) / sum(rate(kyc_callbacks_total[5m]))`, "", ""},
		{`histogram_quantile(0.95, sum by (le, route) (rate(kyc_x_seconds_bucket{route="/a",job="kyc"}[5m])))`, "{{route}}",
			""},
		{`kyc_cases + on (instance) group_left (stage) kyc_cases`, "", ""},
		{`max by (stage (kyc_cases)`, "", "parse error"},
		{`kyc_case`, "", "nobody exports kyc_case"},
		{`kyc_x_seconds`, "", "nobody exports kyc_x_seconds"},
		{`kyc_cases_count`, "", "nobody exports kyc_cases_count"},
		{`kyc_cases{stag="held"}`, "", "has no label stag"},
		{`kyc_cases{le="1"}`, "", "has no label le"},
		{`kyc_cases{stage="hold"}`, "", `is never "hold"`},
		{`kyc_callbacks_total{result=~"accepted|sheds"}`, "", `is never "sheds"`},
		{`kyc_callbacks_total{result!="accept"}`, "", `is never "accept"`},
		{`rate(kyc_cases[5m])`, "", "rate of the gauge"},
		{`sum by (result) (kyc_cases)`, "", "groups by result"},
		{`kyc_cases * on (route) kyc_callbacks_total`, "", "matches by route"},
		{`sum(kyc_callbacks_total)`, "{{ stage }}", "shows stage"},
	} {
		said := strings.Join(known.faults(query{"here", test.expr, test.legend}), "; ")
		if test.says == "" && said != "" || !strings.Contains(said, test.says) {
			t.Errorf("%s: it says %q, not %q", test.expr, said, test.says)
		}
	}
}
