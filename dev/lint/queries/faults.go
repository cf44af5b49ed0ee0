package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// attached are the labels that Prometheus itself adds to everything it reads.
var attached = []string{"instance", "job"}

// shown are the labels in a legend.
var shown = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// faults says what is wrong with a query: nothing, if it can be answered.
func (known inventory) faults(q query) (wrong []string) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr)
	if err != nil {
		return []string{err.Error()}
	}
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			wrong = append(wrong, known.selected(n)...)
		case *parser.Call:
			rated := slices.Contains([]string{"rate", "irate", "increase"}, n.Func.Name)
			for name := range known.names(n) {
				if m, _, _ := known.find(name); rated && m.kind == "gauge" {
					say("%s of the gauge %s", n.Func.Name, name)
				}
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				if !known.carried(n.Expr)[label] {
					say("it groups by %s, which nothing in it has", label)
				}
			}
		case *parser.BinaryExpr:
			if n.VectorMatching == nil {
				break
			}
			for _, label := range slices.Concat(n.VectorMatching.MatchingLabels, n.VectorMatching.Include) {
				if !known.carried(n)[label] {
					say("it matches by %s, which nothing in it has", label)
				}
			}
		}
		return nil
	})
	for _, label := range shown.FindAllStringSubmatch(q.legend, -1) {
		if !known.carried(expr)[label[1]] {
			say("it shows %s, which nothing in it has", label[1])
		}
	}
	return wrong
}

// selected says what is wrong with a metric that is asked for, and with its labels.
func (known inventory) selected(n *parser.VectorSelector) (wrong []string) {
	m, suffix, found := known.find(n.Name)
	if !found {
		return []string{"nobody exports " + n.Name}
	}
	for _, match := range n.LabelMatchers {
		values, has := m.labels[match.Name]
		switch {
		case match.Name == labels.MetricName, slices.Contains(attached, match.Name), match.Name == "le" &&
			suffix == "_bucket":
		case !has:
			wrong = append(wrong, fmt.Sprintf("%s has no label %s", n.Name, match.Name))
		case values != nil:
			// Each alternative must be a value that there is, also of what is left out.
			alternatives := []string{match.Value}
			if match.Type == labels.MatchRegexp || match.Type == labels.MatchNotRegexp {
				alternatives = strings.Split(match.Value, "|")
			}
			for _, value := range alternatives {
				if !slices.Contains(values, value) {
					wrong = append(wrong, fmt.Sprintf("%s is never %q in %s", match.Name, value, n.Name))
				}
			}
		}
	}
	return wrong
}

// find looks a name up, and what a histogram adds to its name.
func (known inventory) find(name string) (m metric, suffix string, found bool) {
	if m, found = known[name]; found {
		return m, "", m.kind != "histogram"
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(name, suffix); cut && known[base].kind == "histogram" {
			return known[base], suffix, true
		}
	}
	return metric{}, "", false
}

// names are those of all metrics within.
func (known inventory) names(within parser.Node) map[string]bool {
	all := map[string]bool{}
	parser.Inspect(within, func(node parser.Node, _ []parser.Node) error {
		if n, ok := node.(*parser.VectorSelector); ok {
			all[n.Name] = true
		}
		return nil
	})
	return all
}

// carried are the labels of all metrics within.
func (known inventory) carried(within parser.Node) map[string]bool {
	all := map[string]bool{}
	for _, label := range attached {
		all[label] = true
	}
	for name := range known.names(within) {
		m, suffix, _ := known.find(name)
		all["le"] = all["le"] || suffix == "_bucket"
		for label := range m.labels {
			all[label] = true
		}
	}
	return all
}
