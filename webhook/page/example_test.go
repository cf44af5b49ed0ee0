package page_test

import (
	"bytes"
	"fmt"
	"strings"

	"durablekyc.example/webhook/page"
)

// A handler translates what it knows into a model and has it drawn.
func ExamplePages() {
	pages, err := page.New("/verify", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var out bytes.Buffer
	lang := pages.Language("", "es-MX, en;q=0.5")
	if err := pages.Render(&out, page.Case{Lang: lang, Status: "review"}); err != nil {
		fmt.Println(err)
		return
	}
	_, after, _ := strings.Cut(out.String(), "<h1 tabindex=\"-1\">")
	heading, _, _ := strings.Cut(after, "<")
	fmt.Println(heading)
	// Output: Sus documentos están en revisión
}
