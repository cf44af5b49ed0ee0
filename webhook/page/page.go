// Package page is what an applicant sees: models in, HTML out. It knows no
// route, no case and no clock; webhook/portal translates a case into its models.
//
// The rules of every page: one thing to do, in words a twelve-year-old reads.
// It works without script; the script only makes it kinder. Nothing is inline,
// so that a Content-Security-Policy of 'self' holds. It never shows what was
// sent, and no name. WCAG 2.2 AA is the measure of what it looks like.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed templates/*.html
var templates embed.FS

// kinds are the pages; each is a template of its name inside of layout.html.
var kinds = []string{"landing", "case", "message"}

// Model is one of Landing, Case and Message.
type Model interface {
	kind() string
	lang() string
	in(w catalog) frame
}

// Pages draws models. It may be used from many goroutines.
type Pages struct {
	root   string
	assets map[string]asset
	urls   map[string]string // from the name in assets/ to where it is served
	words  map[string]catalog
	drawn  map[string]*template.Template // by kind and language
}

// New reads the catalogue and the templates for pages under root, such as
// "/verify", and draws every story once: what is broken is found here and not
// by an applicant.
func New(root string) (*Pages, error) {
	p := &Pages{root: strings.TrimSuffix(root, "/"), words: map[string]catalog{}, drawn: map[string]*template.Template{}}
	if err := p.loadAssets(); err != nil {
		return nil, err
	}
	for _, lang := range Languages {
		w, err := loadWords(lang)
		if err != nil {
			return nil, err
		}
		p.words[lang] = w
		for _, kind := range kinds {
			t, err := template.New("layout.html").Funcs(p.functions(w)).ParseFS(templates,
				"templates/layout.html", "templates/parts.html", "templates/form.html", "templates/"+kind+".html")
			if err != nil {
				return nil, err
			}
			p.drawn[kind+lang] = t
		}
	}
	if err := checkComplete(p.words); err != nil {
		return nil, err
	}
	for _, lang := range Languages {
		for _, story := range Storybook(lang) {
			if err := p.Render(io.Discard, story.Model); err != nil {
				return nil, fmt.Errorf("story %s in %s: %w", story.Name, lang, err)
			}
		}
	}
	return p, nil
}

func (p *Pages) functions(w catalog) template.FuncMap {
	return template.FuncMap{
		"t":      w.say,
		"of":     w.of,
		"url":    p.url,
		"lang":   func() string { return w.lang },
		"add":    func(a, b int) int { return a + b },
		"tongue": func(lang string) string { return p.in(lang).text["language"] },
		"fill": func(group, code, part string, l Limits) string {
			return w.fill(w.of(group, code, part), l)
		},
	}
}

// Landing writes the page behind a link.
func (p *Pages) Landing(w io.Writer, l Landing) error { return p.Render(w, l) }

// Case writes the page of a check.
func (p *Pages) Case(w io.Writer, c Case) error { return p.Render(w, c) }

// Message writes a page of one thing to say.
func (p *Pages) Message(w io.Writer, m Message) error { return p.Render(w, m) }

// Render writes any of the models. Nothing is written when it ends in an error.
func (p *Pages) Render(w io.Writer, m Model) error {
	words := p.in(m.lang())
	frame := m.in(words)
	frame.Lang = words.lang
	var page bytes.Buffer
	if err := p.drawn[m.kind()+words.lang].Execute(&page, frame); err != nil {
		return err
	}
	_, err := w.Write(page.Bytes())
	return err
}

// ConsentText is what an applicant agrees to, for the record of it.
func (p *Pages) ConsentText(lang string) string { return p.in(lang).text["consent.text"] }

// ConsentVersion is the version of ConsentText, the same in every language. It
// changes with the text.
func (p *Pages) ConsentVersion(lang string) string { return p.in(lang).text["consent.version"] }

// in is the catalogue in a language, or in the first one.
func (p *Pages) in(lang string) catalog {
	if w, ok := p.words[lang]; ok {
		return w
	}
	return p.words[Languages[0]]
}
