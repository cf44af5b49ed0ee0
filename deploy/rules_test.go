package deploy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// alerts are the names in alerts.yaml, in their order.
func alerts(t *testing.T) (names []string) {
	for _, found := range regexp.MustCompile(`(?m)^      - alert: (\w+)$`).FindAllStringSubmatch(read(t, "deploy",
		"observability", "alerts.yaml"), -1) {
		names = append(names, found[1])
	}
	require.NotEmpty(t, names)
	return names
}

// An alert says how urgent it is and where to read on, fires on its fault, and
// keeps quiet where all is well.
func TestEveryAlertIsTriedAndLeadsSomewhere(t *testing.T) {
	rules, tried := read(t, "deploy", "observability", "alerts.yaml"), read(t, "deploy", "observability",
		"alerts_test.yaml")
	healthy, faults, found := strings.Cut(tried, "\n\n  - name: ")
	require.True(t, found)
	require.Contains(t, healthy, "- name: all is well")
	_, tests, found := strings.Cut(healthy, "tests:")
	require.True(t, found)
	require.NotContains(t, tests, "exp_labels")
	for _, name := range alerts(t) {
		_, rule, _ := strings.Cut(rules, "- alert: "+name+"\n")
		rule, _, _ = strings.Cut(rule, "- alert: ")
		require.Regexp(t, `severity: (page|ticket)`, rule, name)
		require.Contains(t, rule, "summary: ", name)
		require.Contains(t, rule, "runbook_url: docs/operations.md#"+strings.ToLower(name)+"\n", name)
		require.Contains(t, healthy, "alertname: "+name+", exp_alerts: []}", "%s must be quiet where all is well", name)
		require.Contains(t, faults, "alertname: "+name+"\n        exp_alerts: [{exp_labels:", "%s must fire on something",
			name)
	}
}
