package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Languages are those of the pages, the first for everybody whose own is not
// among them.
func (p *Pages) Languages() []string { return p.languages }

// Language picks one of Languages: the one chosen if it is one, else the best
// for an Accept-Language header.
func (p *Pages) Language(chosen, accept string) string {
	if slices.Contains(p.languages, chosen) {
		return chosen
	}
	var spoken []language.Tag
	for _, lang := range p.languages {
		spoken = append(spoken, language.Make(lang))
	}
	// A header that cannot be read, or is absent, matches nothing: the first.
	tags, _, _ := language.ParseAcceptLanguage(accept)
	_, i, _ := language.NewMatcher(spoken).Match(tags...)
	return p.languages[i]
}

// catalog is the catalogue in one language.
type catalog struct {
	lang string
	text map[string]string
}

// say is the text of a key, with names and values for its {placeholders}. A
// key that is missing is an error of ours: New finds it by drawing every story.
func (w catalog) say(key string, pairs ...string) (string, error) {
	text, ok := w.text[key]
	if !ok {
		return "", fmt.Errorf("text/%s.json has no %q", w.lang, key)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text, nil
}

// of is the text for a code of a group. Every group has it or has unknown.
func (w catalog) of(group, code, part string) string {
	if text, ok := w.text[group+"."+code+"."+part]; ok {
		return text
	}
	return w.text[group+"."+unknown+"."+part]
}

// person is what somebody of the check is called.
func (w catalog) person(kind string, number, of int) string {
	if kind == "representative" {
		if of <= 1 {
			return w.text["person.representative.alone"]
		}
		return strings.NewReplacer("{n}", strconv.Itoa(number), "{of}", strconv.Itoa(of)).Replace(
			w.text["person.representative.title"])
	}
	return w.of("person", kind, "title")
}

// side is what a photo is of: of a document with one side, just the document.
func (w catalog) side(name string, two bool) string {
	if !two {
		return w.text["side.only"]
	}
	return w.of("side", name, "label")
}

// whom is the line that says whose page it is; empty if that is not known.
func (w catalog) whom(f Whom) string {
	if f.Reference == "" {
		return ""
	}
	line := strings.ReplaceAll(w.text["whom"], "{reference}", f.Reference)
	if f.Kind == "representative" || f.Kind == "business" {
		line += " · " + w.person(f.Kind, f.Number, f.Of)
	}
	return line
}

// fill puts the limits into a text of the catalogue.
func (w catalog) fill(text string, l Limits) string {
	return strings.NewReplacer("{max}", w.megabytes(l.MaxBytes), "{edge}", strconv.Itoa(l.MinEdge),
		"{pixels}", strconv.Itoa(l.MaxPixels/1_000_000)).Replace(text)
}

// megabytes rounds down, so that what is promised is taken.
func (w catalog) megabytes(n int64) string {
	unit := int64(1_000_000)
	if n%(1<<20) == 0 {
		unit = 1 << 20
	}
	return strings.ReplaceAll(w.text["megabytes"], "{n}", strconv.FormatInt(n/unit, 10))
}

// rules are the limits in one sentence.
func (w catalog) rules(l Limits) string {
	parts := []string{w.text["limits.kind"]}
	if l.MaxBytes > 0 {
		parts = append(parts, w.text["limits.bytes"])
	}
	if l.MinEdge > 0 {
		parts = append(parts, w.text["limits.edge"])
	}
	return w.fill(strings.Join(parts, ", "), l) + "."
}

// day is a date as people write it.
func (w catalog) day(t time.Time) string {
	months := strings.Fields(w.text["months"])
	return strings.NewReplacer("{day}", strconv.Itoa(t.Day()), "{month}", months[t.Month()-1],
		"{year}", strconv.Itoa(t.Year())).Replace(w.text["date"])
}

// moment is a time as people write it. The applicant's clock is not known here:
// the script tells it by that one.
func (w catalog) moment(t time.Time) string {
	t = t.UTC()
	return w.day(t) + ", " + t.Format("15:04") + " UTC"
}

// deadline is until when something is wanted; empty for the zero Deadline.
func (w catalog) deadline(d Deadline) string {
	switch {
	case !d.Day.IsZero():
		return strings.ReplaceAll(w.text["until"], "{date}", w.day(d.Day))
	case d.Left > 0:
		return strings.ReplaceAll(w.text["until.hours"], "{n}", strconv.Itoa(max(1, int(d.Left/time.Hour))))
	}
	return ""
}

// span is a wait, rounded up: who waits that long need not try twice.
func (w catalog) span(d time.Duration) string {
	n, unit := int((d+time.Second-1)/time.Second), "second"
	if n > 90 {
		n, unit = (n+59)/60, "minute"
	}
	if n <= 1 {
		return w.text["wait."+unit]
	}
	return strings.ReplaceAll(w.text["wait."+unit+"s"], "{n}", strconv.Itoa(n))
}
