package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// query is one expression and where it stands. Legend is the text that its
// result is shown with: labels stand in it as {{name}}.
type query struct{ where, expr, legend string }

// metric is what is exported under a name: its type, and its labels with the
// values that they have. No values are any.
type metric struct {
	kind   string
	labels map[string][]string
}

type inventory map[string]metric

// readInventory reads lines of a name, a type, who exports it, and labels as
// name=value|value, or name=* for any value.
func readInventory(path string) (inventory, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := inventory{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 3 {
			return nil, fmt.Errorf("%s: a line without name, type and service: %s", path, line)
		}
		m := metric{kind: fields[1], labels: map[string][]string{}}
		for _, field := range fields[3:] {
			label, values, _ := strings.Cut(field, "=")
			m.labels[label] = nil
			if values != "*" {
				m.labels[label] = strings.Split(values, "|")
			}
		}
		all[fields[0]] = m
	}
	return all, nil
}

// variables of a dashboard, with something that they may stand for.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "1h")

func readDashboard(path string) (all []query, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			return nil, fmt.Errorf("%s: the panel %q asks nothing", path, p.Title)
		}
		for _, t := range p.Targets {
			all = append(all, query{fmt.Sprintf("panel %q", p.Title), variables.Replace(t.Expr), t.LegendFormat})
		}
	}
	return all, nil
}

// asLegend turns what a template says of labels into a legend.
var asLegend = regexp.MustCompile(`\$labels\.(\w+)`)

func readRules(path string) (all []query, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all = append(all, query{"alert " + r.Alert, r.Expr, asLegend.ReplaceAllString(r.Annotations["summary"], "$1")})
		}
	}
	return all, nil
}
