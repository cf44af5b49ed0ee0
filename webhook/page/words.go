package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed text/*.json
var catalogue embed.FS

// Languages are the languages of the page, the first for everybody whose own
// is not among them.
var Languages = []string{"en", "es"}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Spanish})

// Language picks one of Languages: the one chosen if it is one, else the best
// for an Accept-Language header.
func Language(chosen, accept string) string {
	if slices.Contains(Languages, chosen) {
		return chosen
	}
	// A header that cannot be read, or is absent, matches nothing: the first.
	tags, _, _ := language.ParseAcceptLanguage(accept)
	_, i, _ := matcher.Match(tags...)
	return Languages[i]
}

// catalog is the catalogue in one language.
type catalog struct {
	lang string
	text map[string]string
}

func loadWords(lang string) (catalog, error) {
	file, err := catalogue.ReadFile("text/" + lang + ".json")
	if err != nil {
		return catalog{}, err
	}
	w := catalog{lang: lang}
	if err := json.Unmarshal(file, &w.text); err != nil {
		return catalog{}, fmt.Errorf("text/%s.json: %w", lang, err)
	}
	return w, nil
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
func (w catalog) person(kind string, number int) string {
	if kind == "representative" {
		return strings.ReplaceAll(w.text["person.representative.title"], "{n}", strconv.Itoa(number))
	}
	return w.of("person", kind, "title")
}

// whom is the line that says whose page it is; empty if that is not known.
func (w catalog) whom(f Whom) string {
	if f.Reference == "" {
		return ""
	}
	line := strings.ReplaceAll(w.text["whom"], "{reference}", f.Reference)
	if f.Kind == "representative" || f.Kind == "business" {
		line += " · " + w.person(f.Kind, f.Number)
	}
	return line
}

// fill puts the limits into a text of the catalogue.
func (w catalog) fill(text string, l Limits) string {
	return strings.NewReplacer("{max}", megabytes(l.MaxBytes), "{edge}", strconv.Itoa(l.MinEdge),
		"{pixels}", strconv.Itoa(l.MaxPixels/1_000_000)).Replace(text)
}

// megabytes rounds down, so that what is promised is taken.
func megabytes(n int64) string {
	if n%(1<<20) == 0 {
		return strconv.FormatInt(n>>20, 10) + "\u00a0MB"
	}
	return strconv.FormatInt(n/1_000_000, 10) + "\u00a0MB"
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

// day is a date as people write it: the applicant's clock is not known, so no
// hour is told.
func (w catalog) day(t time.Time) string {
	t = t.UTC()
	months := strings.Fields(w.text["months"])
	return strings.NewReplacer("{day}", strconv.Itoa(t.Day()), "{month}", months[t.Month()-1],
		"{year}", strconv.Itoa(t.Year())).Replace(w.text["date"])
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

// checkComplete reports the keys that not every language has.
func checkComplete(all map[string]catalog) error {
	every := map[string]bool{}
	for _, w := range all {
		for key := range w.text {
			every[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(every)) {
		for lang, w := range all {
			if w.text[key] == "" {
				return fmt.Errorf("text/%s.json says nothing for %q", lang, key)
			}
		}
	}
	return nil
}
