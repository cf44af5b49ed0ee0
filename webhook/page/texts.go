package page

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed text/*.json
var catalogue embed.FS

// DefaultLanguages are the languages of the embedded texts. The first is for
// applicants who speak none of them.
var DefaultLanguages = []string{"en", "es", "fr", "de", "pt"}

// promises are the texts that say what is done with an applicant's data.
var promises = []string{"answer.", "consent.", "notice."}

// versions are the texts that a record names by a version.
var versions = map[string]string{"consent.text": "consent.version", "notice.text": "notice.version",
	"notice.title": "notice.version"}

// loadTexts reads the embedded texts and puts those of the folder over them, key
// by key. A language that is not embedded needs every key.
func (p *Pages) loadTexts(folder fs.FS) error {
	first, err := loadWords(catalogue, DefaultLanguages[0])
	if err != nil {
		return err
	}
	own, err := ownTexts(folder)
	if err != nil {
		return err
	}
	if p.languages, err = p.brand.languages(own); err != nil {
		return err
	}
	for _, lang := range p.languages {
		w := catalog{lang: lang, text: map[string]string{}}
		if slices.Contains(DefaultLanguages, lang) {
			if w, err = loadWords(catalogue, lang); err != nil {
				return err
			}
		}
		if err := checkOwn(own[lang], w, first); err != nil {
			return err
		}
		maps.Copy(w.text, own[lang].text)
		p.words[lang] = w
	}
	if err := checkPromises(p.languages, own); err != nil {
		return err
	}
	return checkComplete(first, p.languages, p.words)
}

// languages are those that page.json lists, or the embedded ones and then those
// that only the folder has.
func (b *brand) languages(own map[string]catalog) ([]string, error) {
	all := slices.Clone(b.Languages)
	for _, lang := range slices.Sorted(maps.Keys(own)) {
		if len(b.Languages) > 0 && !slices.Contains(all, lang) {
			return nil, fmt.Errorf("text/%s.json is there, but %s does not list %q in languages", lang, brandFile, lang)
		}
	}
	if len(all) == 0 {
		all = slices.Clone(DefaultLanguages)
		for _, lang := range slices.Sorted(maps.Keys(own)) {
			if !slices.Contains(all, lang) {
				all = append(all, lang)
			}
		}
	}
	for _, lang := range all {
		if _, err := language.Parse(lang); err != nil {
			return nil, fmt.Errorf("%q is not the code of a language, such as pt or zh-Hant", lang)
		}
	}
	return all, nil
}

// ownTexts are the texts of the folder, by language.
func ownTexts(folder fs.FS) (map[string]catalog, error) {
	own := map[string]catalog{}
	if folder == nil {
		return own, nil
	}
	files, err := fs.Glob(folder, "text/*.json")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		lang := strings.TrimSuffix(path.Base(file), ".json")
		if own[lang], err = loadWords(folder, lang); err != nil {
			return nil, err
		}
	}
	return own, nil
}

func loadWords(folder fs.FS, lang string) (catalog, error) {
	file, err := fs.ReadFile(folder, "text/"+lang+".json")
	if err != nil {
		return catalog{}, fmt.Errorf("text/%s.json cannot be read: %w", lang, err)
	}
	w := catalog{lang: lang}
	if err := json.Unmarshal(file, &w.text); err != nil {
		return catalog{}, fmt.Errorf("text/%s.json is not a JSON object of texts: %w", lang, err)
	}
	return w, nil
}

// placeholders are the {names} in a text.
var placeholders = regexp.MustCompile(`\{[^{}]*\}`)

// checkOwn refuses texts of a folder that no page shows, that have a placeholder
// which is never filled, or that keep the version of another text.
func checkOwn(own, embedded, first catalog) error {
	for _, key := range slices.Sorted(maps.Keys(own.text)) {
		known, ok := first.text[key]
		if !ok {
			return fmt.Errorf("text/%s.json has the unknown key %q", own.lang, key)
		}
		for _, name := range placeholders.FindAllString(own.text[key], -1) {
			if !strings.Contains(known, name) {
				return fmt.Errorf("text/%s.json has the unknown placeholder %s in %q", own.lang, name, key)
			}
		}
		version, recorded := versions[key]
		if recorded && own.text[key] != embedded.text[key] &&
			cmp.Or(own.text[version], embedded.text[version]) == embedded.text[version] {
			return fmt.Errorf("text/%s.json changes %q and must give it another %q", own.lang, key, version)
		}
	}
	return nil
}

// checkPromises refuses a promise that is changed in some languages only: an
// applicant who reads another one would be promised something else. A language
// that is not embedded has every text anyway.
func checkPromises(languages []string, own map[string]catalog) error {
	for _, from := range DefaultLanguages {
		for _, key := range slices.Sorted(maps.Keys(own[from].text)) {
			if !slices.ContainsFunc(promises, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
				continue
			}
			for _, lang := range languages {
				if _, ok := own[lang].text[key]; !ok {
					return fmt.Errorf("text/%s.json has no text for %q, which text/%s.json changes", lang, key, from)
				}
			}
		}
	}
	return nil
}

// checkComplete refuses a language that lacks a text, or that has another version
// of a recorded one.
func checkComplete(first catalog, languages []string, all map[string]catalog) error {
	for _, lang := range languages {
		w := all[lang]
		for _, key := range slices.Sorted(maps.Keys(first.text)) {
			if strings.TrimSpace(w.text[key]) == "" {
				return fmt.Errorf("text/%s.json has no text for %q", lang, key)
			}
		}
		for _, version := range []string{"consent.version", "notice.version"} {
			if other := all[languages[0]]; w.text[version] != other.text[version] {
				return fmt.Errorf("text/%s.json has another %q than text/%s.json", lang, version, other.lang)
			}
		}
		if len(strings.Fields(w.text["months"])) != 12 {
			return fmt.Errorf("text/%s.json must name twelve months in \"months\", with blanks between", lang)
		}
	}
	return nil
}
