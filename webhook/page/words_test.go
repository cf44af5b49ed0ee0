package page

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// read loads the catalogue of every language.
func read(t *testing.T) map[string]catalog {
	t.Helper()
	all := map[string]catalog{}
	for _, lang := range DefaultLanguages {
		w, err := loadWords(catalogue, lang)
		require.NoError(t, err)
		all[lang] = w
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func TestEveryLanguageSaysTheSameThings(t *testing.T) {
	all := read(t)
	first := all[DefaultLanguages[0]]
	require.NoError(t, checkComplete(first, DefaultLanguages, all))
	for _, lang := range DefaultLanguages[1:] {
		for key, text := range all[lang].text {
			want, got := placeholder.FindAllString(first.text[key], -1), placeholder.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			require.Equal(t, want, got, "%s in %s", key, lang)
			if strings.Count(text, " ") > 2 {
				require.NotEqual(t, first.text[key], text, "%s is not translated to %s", key, lang)
			}
		}
	}
}

func TestALanguageThatLacksAKeyIsReported(t *testing.T) {
	all := read(t)
	delete(all["es"].text, "send")
	require.ErrorContains(t, checkComplete(all["en"], DefaultLanguages, all), `text/es.json has no text for "send"`)
}

// coded is every key that is built from a code and not written in a template.
func coded() map[string]bool {
	keys := map[string]bool{}
	for group, of := range groups {
		for _, code := range append([]string{unknown}, of.codes...) {
			for _, part := range of.parts {
				keys[group+"."+code+"."+part] = true
			}
		}
	}
	return keys
}

func TestEveryCodeHasItsSentences(t *testing.T) {
	for lang, w := range read(t) {
		for key := range coded() {
			require.NotEmpty(t, w.text[key], "%s in %s", key, lang)
		}
	}
}

func TestEveryKeyIsUsed(t *testing.T) {
	var used strings.Builder
	for _, pattern := range []string{"templates/*.html", "*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			used.Write(text)
		}
	}
	built := coded()
	for _, unit := range []string{"second", "minute"} { // span builds these
		built["wait."+unit], built["wait."+unit+"s"] = true, true
	}
	for key := range read(t)["en"].text {
		require.True(t, built[key] || strings.Contains(used.String(), `"`+key+`"`), "%s is used nowhere", key)
	}
}

// A hand's width of words, as plain as they come: a sentence that runs on is
// one that a tired person reads twice.
func TestSentencesAreShort(t *testing.T) {
	end := regexp.MustCompile(`[.:?!] `)
	for lang, w := range read(t) {
		for key, text := range w.text {
			if key == "months" || key == "notice.text" { // which is the law's: 31 CFR 1020.220(a)(5)(iii)
				continue
			}
			for _, sentence := range end.Split(text, -1) {
				require.LessOrEqual(t, len(strings.Fields(sentence)), 25, "%s in %s: %s", key, lang, sentence)
			}
		}
	}
}

// A consent on record names the version of its text, and of the notice before it,
// so another text needs another version.
func TestTextsOnRecordKeepTheirVersion(t *testing.T) {
	known := map[string]string{
		"consent 2026-11 en": "7b94accb696416f6f431777467b63e4503daa6691a6df706f928c96de8ca57a7",
		"consent 2026-11 es": "9d2eebfc2275a77fd4864f3510021342de0ce760f12698a962dd9f0c221fb37c",
		"notice 2026-11 en":  "d20189b01c665ed67df3b273c988ad868319d9444d65b86cdf157ee74f962852",
		"notice 2026-11 es":  "6207185ca0d572bcc6681c85cbf74b7b1267780c241bfc566deac537ad14c707",
		"consent 2026-11 fr": "9aafc646c003ef01546c8955e6b79ceb40a5d4e6080e9bf422d67e43ea67b180",
		"notice 2026-11 fr":  "4d317c57767c50c97f72d42514c2d1cd72f7c9c713cab2924322eac90a06902e",
		"consent 2026-11 de": "acf125b6e194a74e6865b0e9e88f9a0691f51d4d5ddaff08292c13024daf7d76",
		"notice 2026-11 de":  "83f19a54323c6648428b4c7af7375947390654f1ca055adeaddf6b50531de393",
		"consent 2026-11 pt": "074294c879c85c345a85d47fc940421e6a8d17aec1073ab0a198def89019aba7",
		"notice 2026-11 pt":  "ed1baf1e7a3c669fb66cd5bb73f916f543129b345b782335aebe25924a22d57d",
	}
	pages, err := New("/verify", nil)
	require.NoError(t, err)
	for _, lang := range DefaultLanguages {
		for name, of := range map[string][2]func(string) string{
			"consent": {pages.ConsentVersion, pages.ConsentText},
			"notice":  {pages.NoticeVersion, pages.NoticeText},
		} {
			version := of[0](lang)
			require.Equal(t, of[0](DefaultLanguages[0]), version)
			sum := sha256.Sum256([]byte(of[1](lang)))
			require.Equal(t, known[name+" "+version+" "+lang], hex.EncodeToString(sum[:]),
				"the text changed: give it another %s.version, and add it here", name)
		}
	}
}

// Which way it went is for whoever asked to tell; and the applicant has never
// heard of ConnectFi.
func TestNothingTellsTheDecisionOrTheProvider(t *testing.T) {
	for lang, w := range read(t) {
		for key, text := range w.text {
			require.NotRegexp(t, `(?i)connectfi|approved|denied|rejected|aprobad|denegad|rechazad|`+
				`approuv|rejet|genehmigt|abgelehnt|aprovad|negad|rejeitad|recusad`, text, "%s in %s", key, lang)
		}
	}
}

func TestLanguageIsTheChosenOneOrTheReaders(t *testing.T) {
	pages, err := New("/verify", nil)
	require.NoError(t, err)
	for name, test := range map[string]struct{ chosen, accept, want string }{
		"nothing is known":       {"", "", "en"},
		"a choice":               {"es", "en", "es"},
		"an unknown choice":      {"xx", "es-MX,es;q=0.9", "es"},
		"a region":               {"", "es-419", "es"},
		"Brazil":                 {"", "pt-BR,en;q=0.5", "pt"},
		"Canada":                 {"", "fr-CA,en;q=0.5", "fr"},
		"Austria":                {"", "de-AT,en;q=0.5", "de"},
		"the better of two":      {"", "en;q=0.4, es;q=0.8", "es"},
		"one that is not spoken": {"", "ja", "en"},
		"not a header at all":    {"", "<script>;;q=x", "en"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, pages.Language(test.chosen, test.accept)) })
	}
}

func TestNumbersAreToldAsPeopleSayThem(t *testing.T) {
	en, es := read(t)["en"], read(t)["es"]
	for name, test := range map[string]struct{ got, want string }{
		"no wait is still a moment": {en.span(0), "1 second"},
		"rounded up":                {en.span(1100 * time.Millisecond), "2 seconds"},
		"seconds up to 90":          {es.span(90 * time.Second), "90 segundos"},
		"minutes, rounded up":       {es.span(91 * time.Second), "2 minutos"},
		"mebibytes":                 {en.megabytes(10 << 20), "10\u00a0MB"},
		"megabytes":                 {en.megabytes(10_000_000), "10\u00a0MB"},
		"never more than is taken":  {en.megabytes(10_999_999), "10\u00a0MB"},
		"a day":                     {en.day(time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)), "1\u00a0March\u00a02026"},
		"a day in Spanish": {es.day(time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)),
			"24\u00a0de\u00a0diciembre de\u00a02026"},
		"a day in German": {read(t)["de"].day(time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)),
			"24.\u00a0Dezember 2026"},
		"bytes in French": {read(t)["fr"].megabytes(10 << 20), "10\u00a0Mo"},
		"no limits":       {en.rules(Limits{}), "Photos as JPG or PNG."},
		"all limits": {en.rules(Limits{MaxBytes: 10 << 20, MinEdge: 600}),
			"Photos as JPG or PNG, up to 10\u00a0MB each, at least 600 pixels wide and high."},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.got) })
	}
}
