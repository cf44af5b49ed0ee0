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
	"io/fs"
	"strings"
)

//go:embed templates/*.html
var templates embed.FS

// kinds are the pages; each is a template of its name inside of layout.html.
var kinds = []string{"landing", "step", "case", "message", "statement"}

// Model is one of Landing, Step, Case, Message and Statement.
type Model interface {
	kind() string
	lang() string
	in(w catalog) frame
}

// Pages draws models. It may be used from many goroutines.
type Pages struct {
	root      string
	frames    string // origins, separated by blanks
	brand     brand
	assets    map[string]asset
	urls      map[string]string // from the name in assets/ to where it is served
	languages []string
	words     map[string]catalog
	drawn     map[string]*template.Template // by kind and language
}

// New reads the catalogue and the templates for pages under root, such as
// "/verify", and draws every story once: what is broken is found here and not
// by an applicant. The folder says whose pages they are: see docs/branding.md. Nil
// is no company's, and a text that the folder does not have is the embedded one.
// Where a page of one of the frames' origins shows ours, ours tells it its stage.
func New(root string, folder fs.FS, frames ...string) (*Pages, error) {
	p := &Pages{root: strings.TrimSuffix(root, "/"), frames: strings.Join(frames, " "),
		words: map[string]catalog{}, drawn: map[string]*template.Template{}}
	if err := p.loadBrand(folder); err != nil {
		return nil, err
	}
	if err := p.loadAssets(); err != nil {
		return nil, err
	}
	if err := p.loadTexts(folder); err != nil {
		return nil, err
	}
	for lang, w := range p.words {
		for _, kind := range kinds {
			t, err := template.New("layout.html").Funcs(p.functions(w)).ParseFS(templates,
				"templates/layout.html", "templates/parts.html", "templates/"+kind+".html")
			if err != nil {
				return nil, err
			}
			p.drawn[kind+lang] = t
		}
	}
	for _, lang := range p.languages {
		for _, story := range p.Storybook(lang) {
			if err := p.Render(io.Discard, story.Model); err != nil {
				return nil, fmt.Errorf("story %s in %s: %w", story.Name, lang, err)
			}
		}
	}
	return p, nil
}

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

// NoticeText is the notice that goes before identification, for the record of it.
func (p *Pages) NoticeText(lang string) string { return p.in(lang).text["notice.text"] }

// NoticeVersion is the version of NoticeText, the same in every language. It
// changes with the text.
func (p *Pages) NoticeVersion(lang string) string { return p.in(lang).text["notice.version"] }

// in is the catalogue in a language, or in the first one.
func (p *Pages) in(lang string) catalog {
	if w, ok := p.words[lang]; ok {
		return w
	}
	return p.words[p.languages[0]]
}
