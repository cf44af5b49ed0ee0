package page_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"durablekyc.example/webhook/page"
)

// nodes is every element of a page, in order.
func nodes(t testing.TB, text string) (all []*html.Node) {
	t.Helper()
	document, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	for n := range document.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// within reports whether an ancestor is such an element.
func within(n *html.Node, element string) bool {
	for up := range n.Ancestors() {
		if up.Data == element {
			return true
		}
	}
	return false
}

// The policy is 'self' for everything: what is inline would not run, silently.
func TestNothingIsInline(t *testing.T) {
	each(t, func(t *testing.T, _ page.Story, _, text string) {
		for _, n := range nodes(t, text) {
			require.NotEqual(t, "style", n.Data)
			if n.Data == "script" {
				require.Nil(t, n.FirstChild, "a script has a file")
			}
			for _, a := range n.Attr {
				require.False(t, a.Key == "style" || strings.HasPrefix(a.Key, "on"), "<%s %s>", n.Data, a.Key)
				if a.Key == "href" || a.Key == "src" || a.Key == "action" {
					require.NotRegexp(t, `^(https?:)?//|^javascript:|#ZgotmplZ`, a.Val, "<%s %s>", n.Data, a.Key)
				}
			}
		}
	})
}

func TestEveryControlHasALabel(t *testing.T) {
	each(t, func(t *testing.T, _ page.Story, _, page string) {
		all := nodes(t, page)
		labels := map[string]string{}
		for _, n := range all {
			if n.Data == "label" {
				labels[attr(n, "for")] += text(n)
			}
		}
		for _, n := range all {
			switch {
			case n.Data == "input" && attr(n, "type") != "hidden", n.Data == "progress":
				require.NotEmpty(t, labels[attr(n, "id")], "%s %s", n.Data, attr(n, "id"))
			case n.Data == "button", n.Data == "a":
				require.NotEmpty(t, text(n), "<%s> says nothing", n.Data)
			case n.Data == "fieldset":
				require.True(t, slices.ContainsFunc(slices.Collect(n.Descendants()), func(d *html.Node) bool {
					return d.Data == "legend" && text(d) != ""
				}), "a fieldset without a legend")
			case n.Data == "svg":
				require.True(t, attr(n, "aria-hidden") == "true" || attr(n, "role") == "img" && attr(n, "aria-label") != "")
			}
			if n.Data == "input" && attr(n, "type") == "radio" {
				require.True(t, within(n, "fieldset"))
			}
		}
	})
}

func TestIdsAreUniqueAndWhatRefersToOneFindsIt(t *testing.T) {
	each(t, func(t *testing.T, _ page.Story, _, page string) {
		ids := map[string]bool{}
		all := nodes(t, page)
		for _, n := range all {
			if id := attr(n, "id"); has(n, "id") {
				require.False(t, ids[id], "%q is there twice", id)
				ids[id] = true
			}
		}
		for _, n := range all {
			for _, name := range []string{"aria-describedby", "aria-labelledby", "for"} {
				for id := range strings.FieldsSeq(attr(n, name)) {
					require.True(t, ids[id], "%s of <%s> finds no %q", name, n.Data, id)
				}
			}
			if target, local := strings.CutPrefix(attr(n, "href"), "#"); local {
				require.True(t, ids[target], "the link finds no %q", target)
			}
		}
	})
}

func TestHeadingsAndLandmarks(t *testing.T) {
	each(t, func(t *testing.T, _ page.Story, lang, page string) {
		count := map[string]int{}
		level := 0
		for _, n := range nodes(t, page) {
			count[n.Data]++
			if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
				next := int(n.Data[1] - '0')
				require.LessOrEqual(t, next, level+1, "<%s> %s skips a level", n.Data, text(n))
				level = next
			}
			switch n.Data {
			case "html":
				require.Equal(t, lang, attr(n, "lang"))
			case "title":
				require.NotEmpty(t, text(n))
			case "meta":
				require.NotContains(t, attr(n, "content"), "user-scalable", "everybody may zoom")
			case "button":
				require.True(t, attr(n, "type") == "button" || within(n, "form"))
			}
			require.True(t, !has(n, "tabindex") || attr(n, "tabindex") == "-1", "the order of keys is that of the page")
		}
		for _, once := range []string{"h1", "main", "title", "header"} {
			require.Equal(t, 1, count[once], once)
		}
	})
}

// A field that was refused says so itself, and the reason is announced above it.
func TestARefusalIsSaidAndMarked(t *testing.T) {
	for _, lang := range page.DefaultLanguages {
		for _, code := range page.Refusals {
			t.Run(code+"."+lang, func(t *testing.T) {
				step := asked("front", passport)
				step.Lang, step.Side.Problem = lang, code
				step.Limits = page.Limits{MaxBytes: 10 << 20, MinEdge: 600, MaxPixels: 50_000_000}
				html := draw(t, step)
				require.NotRegexp(t, `\{[a-z]+\}`, html, "a placeholder is left")
				field, summary := "", ""
				for _, n := range nodes(t, html) {
					switch {
					case attr(n, "name") == "front":
						field = fmt.Sprint(attr(n, "aria-invalid"), " ", attr(n, "aria-describedby"))
					case attr(n, "role") == "alert" && !within(n, "template"):
						summary = text(n)
					}
				}
				require.Equal(t, "true rules", field)
				require.Greater(t, len(strings.Split(summary, ". ")), 1, "the next step follows the reason: %s", summary)
				require.Regexp(t, `<title>\S+( ?:) `, html, "and the title says so")
			})
		}
	}
}
