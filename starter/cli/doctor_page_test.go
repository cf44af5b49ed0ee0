package cli

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Doctor gets of a page what a browser gets: a proxy that maps paths in another
// way than KYC_PUBLIC_URL says is seen.
func TestDoctorFetchesWhatAPageRefersTo(t *testing.T) {
	mux := http.NewServeMux()
	for path, kind := range map[string]string{"/kyc/a/page.css": "text/css; charset=utf-8",
		"/kyc/a/page.js": "text/javascript; charset=utf-8", "/kyc/a/told.css": "text/html"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", kind) })
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	const icon = `<link rel="icon" href="/kyc/a/none.svg" type="image/svg+xml">`
	for name, test := range map[string]struct{ page, broken string }{
		"all of it": {page: icon +
			`<link rel="stylesheet" href="/kyc/a/page.css"><script src="/kyc/a/page.js" defer></script>`},
		"from where it is": {page: `<link href="../a/page.css" rel="stylesheet"><script src="../a/page.js"></script>`},
		"another path": {page: `<link rel="stylesheet" href="/kyc/a/page.css"><script src="/a/page.js"></script>`,
			broken: "/a/page.js (404, text/plain; charset=utf-8)"},
		"what a proxy says": {page: `<link rel="stylesheet" href="/kyc/a/told.css">`,
			broken: "/kyc/a/told.css (200, text/html)"},
		"a page of others": {page: icon + "<p>It works!", broken: "it has no style sheet and no script"},
		"an address that's none": {page: `<script src="http://[::"></script>`,
			broken: "cannot parse the address of one of its parts"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &clockTransport{next: http.DefaultTransport}
			require.Equal(t, test.broken, w.parts(t.Context(), server.URL+"/kyc/verify/link", []byte(test.page)))
		})
	}
}
