package exam

import (
	_ "embed"
	"html/template"
	"io"
	"maps"
	"slices"
	"time"
)

//go:embed page.html
var pageText string

// pageTemplate is one page without scripts and without anything from elsewhere.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"day": func(t time.Time) string { return t.UTC().Format(time.DateOnly) }, "stamp": stamp}).Parse(pageText))

// tally is how many records have something in common.
type tally struct {
	Name  string
	Count int
}

func tallied(counts map[string]int) (all []tally) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, tally{name, counts[name]})
	}
	return all
}

// page writes the page.
func (p *Pack) page(to io.Writer) error {
	stages, kinds := map[string]int{}, map[string]int{}
	inPeriod := 0
	for _, r := range p.Rows {
		if !r.InPeriod {
			continue
		}
		inPeriod++
		stages[orElse(r.Stage, "never taken up")]++
		kinds[orElse(r.Kind, "unknown")]++
	}
	var sample []Row
	for _, index := range Draw(p.Rows, p.Info.Seed, p.Info.Sample) {
		if at := index - p.Info.First; at >= 0 && at < int64(len(p.Rows)) {
			sample = append(sample, p.Rows[at])
		}
	}
	return pageTemplate.Execute(to, map[string]any{"Info": p.Info, "Records": len(p.Rows), "InPeriod": inPeriod,
		"Stages": tallied(stages), "Kinds": tallied(kinds), "Sample": sample})
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
