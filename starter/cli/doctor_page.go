package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// kinds of what a page refers to, by the element that does: a browser takes no
// style or script of another type.
var kinds = map[string]string{"link": "text/css", "script": "text/javascript"}

// parts fetches the style and the script of a page from where a browser would,
// and says which of them it does not get; empty if all are there. A proxy that
// maps paths another way than KYC_PUBLIC_URL says shows here first.
func (w *clockTransport) parts(ctx context.Context, page string, body []byte) (broken string) {
	at, err := url.Parse(page)
	if err != nil {
		return "cannot parse its address"
	}
	found := 0
	tokens := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if found == 0 {
				return "it has no style sheet and no script"
			}
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			element := tokens.Token()
			where := source(element)
			if where == "" {
				continue
			}
			found++
			to, err := at.Parse(where)
			if err != nil {
				return "cannot parse the address of one of its parts"
			}
			got := w.ask(ctx, http.MethodGet, to.String(), "")
			if got.err != nil || got.status != http.StatusOK || !strings.HasPrefix(got.kind, kinds[element.Data]) {
				return fmt.Sprintf("%s%s", to.Path, got.where())
			}
		}
	}
}

// source is where an element has its style or script; empty for all others.
func source(element html.Token) string {
	name := map[string]string{"link": "href", "script": "src"}[element.Data]
	style := element.Data != "link"
	where := ""
	for _, a := range element.Attr {
		switch {
		case a.Key == name && name != "":
			where = a.Val
		case a.Key == "rel" && a.Val == "stylesheet":
			style = true
		}
	}
	if !style {
		return "" // an icon: a page works without
	}
	return where
}
