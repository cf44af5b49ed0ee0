package page

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// exampleFolder is the folder that docs/portal.md describes.
const exampleFolder = "../../examples/brand"

// folder is a brand's folder: page.json names a company, and files replace or add to it.
func folder(files map[string]string) fs.FS {
	all := fstest.MapFS{}
	for name, text := range map[string]string{brandFile: `{"company": "Bank"}`} {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

// with is a folder's files: what page.json has beside a company, and pairs of a
// name and its content.
func with(settings string, files ...string) map[string]string {
	all := map[string]string{brandFile: `{"company": "B"}`}
	if settings != "" {
		all[brandFile] = `{"company": "B", ` + settings + `}`
	}
	for i := 0; i < len(files); i += 2 {
		all[files[i]] = files[i+1]
	}
	return all
}

// withLogo is a folder with an SVG as its logo.
func withLogo(inside string) map[string]string {
	return map[string]string{brandFile: `{"company": "Bank", "logo": "l.svg"}`,
		"l.svg": `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">` + inside + `</svg>`}
}

func TestTheExampleFolderIsShown(t *testing.T) {
	p, err := New("/verify", os.DirFS(exampleFolder))
	require.NoError(t, err)
	require.Equal(t, DefaultLanguages, p.Languages())
	var out bytes.Buffer
	for _, lang := range p.Languages() {
		out.Reset()
		require.NoError(t, p.Render(&out, Landing{Lang: lang, Action: "/"}))
		own, err := os.ReadFile(exampleFolder + "/text/" + lang + ".json")
		require.NoError(t, err)
		for _, want := range []string{"Example Savings Bank", `href="mailto:help@bank.example"`,
			`href="https://bank.example/privacy"`, "/verify/assets/logo-", p.in(lang).text["answer.why.text"]} {
			require.Contains(t, out.String(), want)
		}
		require.Contains(t, string(own), p.in(lang).text["answer.why.text"], "the folder's text replaces the embedded one")
	}
	require.Contains(t, string(p.brand.style()), "--accent: #00695c;")
}

func TestAFolderIsRefusedInOneSentence(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"no company":    {map[string]string{brandFile: `{}`}, "page.json must name the company"},
		"unknown field": {with(`"color": "#000"`), `unknown field "color"`},
		"not JSON":      {map[string]string{brandFile: `company: Bank`}, "page.json cannot be used: "},
		"not a colour": {with(`"colour": "teal"`),
			`page.json: colour "teal" is not a colour such as #1d5bbf`},
		"low contrast": {with(`"colour": "#8bc34a"`),
			"page.json: colour #8bc34a has a contrast of 2.1:1 on the page; at least 4.5:1 is needed"},
		"low contrast dark": {with(`"dark": "#1d3b6f"`),
			"page.json: dark #1d3b6f has a contrast of 1.5:1 on the page"},
		"support": {with(`"support": "call us"`), "page.json: support must be an e-mail address"},
		"privacy": {with(`"privacy": "http://b.example"`),
			"page.json: privacy must be an https address"},
		"logo missing": {with(`"logo": "l.svg"`),
			"the logo cannot be read: open l.svg: file does not exist"},
		"logo outside": {with(`"logo": "../l.svg"`), "the logo cannot be read: "},
		"logo too large": {withLogo(strings.Repeat(" ", maxLogo)),
			"the logo l.svg has 50089 bytes; at most 50000 are taken"},
		"logo of HTML": {with(`"logo": "l.svg"`, "l.svg", "<html></html>"),
			"the logo l.svg is not an SVG"},
		"logo of JPEG": {with(`"logo": "l.jpg"`, "l.jpg", "\xff\xd8\xff"),
			"the logo l.jpg is neither an SVG nor a PNG"},
		"logo with script": {withLogo(`<script>alert(1)</script>`),
			"the logo l.svg has a <script>, which is not taken"},
		"logo with handler": {withLogo(`<rect ONLOAD="alert(1)"/>`),
			"the logo l.svg has a script in onload, which is not taken"},
		"logo with HTML": {withLogo(`<foreignObject/>`),
			"the logo l.svg has a <foreignobject>, which is not taken"},
		"logo that loads": {withLogo(`<use xlink:href="https://b.example/x.svg#a"/>`),
			"the logo l.svg refers to something outside of itself"},
		"logo with a URL": {withLogo(`<rect fill="url(https://b.example/x.svg)"/>`),
			"the logo l.svg refers to something outside of itself"},
		"logo that fetches": {withLogo(`<rect fill="url(#a)" stroke="url(#b) url( 'https://b.example/' )"/>`),
			"the logo l.svg refers to something outside of itself"},
		"logo of style": {withLogo(`<style>@import "https://b.example"</style>`),
			"the logo l.svg has a <style>, which is not taken"},
		"logo with entity": {with(`"logo": "l.svg"`, "l.svg", `<!DOCTYPE svg [<!ENTITY a "b">]><svg/>`),
			"the logo l.svg has a DOCTYPE"},
		"broken text": {with(``, "text/fr.json", `{"send": 1}`),
			"text/fr.json is not a JSON object of texts"},
		"unknown key": {with(``, "text/fr.json", `{"sned": "Envoyer"}`),
			`text/fr.json has the unknown key "sned"`},
		"placeholder": {with(``, "text/fr.json", `{"landing.by": "{company} demande"}`),
			`text/fr.json has the unknown placeholder {company} in "landing.by"`},
		"blank": {with(``, "text/fr.json", `{"send": " "}`),
			`text/fr.json has no text for "send"`},
		"missing key": {with(``, "text/it.json", `{"language": "Italiano"}`),
			`text/it.json has no text for "answer.kept.text"`},
		"a promise in one language": {with(``, "text/fr.json", `{"answer.kept.text": "Un an."}`),
			`text/en.json has no text for "answer.kept.text", which text/fr.json changes`},
		"a version that stays": {with(``, "text/fr.json", `{"consent.text": "Oui."}`),
			`text/fr.json changes "consent.text" and must give it another "consent.version"`},
		"another version": {map[string]string{brandFile: `{"company": "B", "languages": ["en", "fr"]}`,
			"text/en.json": `{"consent.text": "Yes.", "consent.version": "b1", "consent.label": "Yes"}`,
			"text/fr.json": `{"consent.text": "Oui.", "consent.version": "b2", "consent.label": "Oui"}`},
			`text/fr.json has another "consent.version" than text/en.json`},
		"logo with an escape": {withLogo(`<rect style="fill: u\72l(https://b.example)"/>`),
			"refers to something outside of itself"},
		"months": {with(``, "text/fr.json", `{"months": "janvier"}`),
			`text/fr.json must name twelve months`},
		"no language": {with(``, "text/e n.json", `{}`), `"e n" is not the code of a language`},
		"not listed": {with(`"languages": ["en"]`, "text/fr.json", `{}`),
			`text/fr.json is there, but page.json does not list "fr" in languages`},
		"listed alone": {with(`"languages": ["it"]`),
			`text/it.json has no text for "answer.kept.text"`},
		"listed by guess": {with(`"languages": ["english!"]`),
			`"english!" is not the code of a language`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New("/verify", folder(test.files))
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := New("/verify", fstest.MapFS{})
	require.EqualError(t, err, "page.json cannot be read: open page.json: file does not exist")
}

func TestAFolderMayHaveFewerAndOtherLanguages(t *testing.T) {
	first, err := loadWords(catalogue, "en")
	require.NoError(t, err)
	italian := maps.Clone(first.text)
	italian["language"] = "Italiano"
	files := with(`"languages": ["it", "en"]`, "text/it.json", asJSON(t, italian))
	p, err := New("/verify", folder(files))
	require.NoError(t, err)
	require.Equal(t, []string{"it", "en"}, p.Languages())
	require.Equal(t, "it", p.Language("", "fr"), "the first is for those who speak none of them")
	delete(files, brandFile)
	p, err = New("/verify", folder(files))
	require.NoError(t, err)
	require.Equal(t, append(slices.Clip(DefaultLanguages), "it"), p.Languages())
}

// What a logo may have stays: shapes, and references to its own parts.
func TestALogoOfShapesIsTaken(t *testing.T) {
	for _, inside := range []string{`<defs><linearGradient id="a"/></defs><rect fill="url(#a)"/>`,
		`<g id="b"/><use xlink:href="#b"/>`, `<title>Bank</title>`} {
		_, err := New("/verify", folder(withLogo(inside)))
		require.NoError(t, err, inside)
	}
}

func asJSON(t *testing.T, texts map[string]string) string {
	t.Helper()
	text, err := json.Marshal(texts)
	require.NoError(t, err)
	return string(text)
}
