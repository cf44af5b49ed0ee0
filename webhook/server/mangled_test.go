package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Links as mail and chat programs leave them. The path is what a browser sends.
func TestALinkIsReadAsMailProgramsLeaveIt(t *testing.T) {
	v := visit(t, waiting(person))
	link := v.link("", time.Hour)
	begin := strings.LastIndex(link, "/") + 1
	escaped := url.PathEscape
	broken := func(text string) string { return link[:begin+9] + escaped(text) + link[begin+9:] }
	for _, behind := range []string{".", ",", ";", ":", "!", ")", "]", "}", ">", "»", "\"", "'", "”", "*", "…", " ",
		"\u00a0", "\u200b", "\ufeff", "\t", "\r\n",
		"=3D", "=", "&amp;", ").", " >", " Thank you", "/", "//", "/.", ". See you", "%20", "%0A"} {
		answer := v.get(link + strings.ReplaceAll(escaped(behind), "%2F", "/"))
		require.Equal(t, http.StatusOK, answer.Code, "%q behind it", behind)
		require.Contains(t, answer.Body.String(), `action="`+link+`"`, "it goes on as it was given out")
	}
	for _, within := range []string{" ", "\r\n", "\n ", "=\r\n", "\u200b", "\u00ad", "=20", "/"} {
		path := strings.ReplaceAll(broken(within), "%2F", "/")
		require.Equal(t, http.StatusOK, v.get(path).Code, "%q within it", within)
	}
	quoted := strings.NewReplacer("-", "=2D", "_", "=5F").Replace(link[begin:])
	require.Equal(t, http.StatusOK, v.get(link[:begin]+quoted).Code)
	for name, wrong := range map[string]string{"cut": link[:len(link)-1], "cut, with a full stop": link[:len(link)-1] +
		".",
		"without its beginning": link[:begin] + link[begin+3:], "a letter more": link + "A", "nothing": link[:begin],
		"only a full stop": link[:begin] + "."} {
		answer := v.get(wrong)
		require.Equal(t, http.StatusNotFound, answer.Code, name)
		require.Contains(t, answer.Header().Get("Content-Type"), "text/html", name)
	}
}

func TestAnApplicantNeverReadsJSON(t *testing.T) {
	v := visit(t, waiting(person))
	for _, path := range []string{"/verify", "/verify/", "/verify/link", "/verify/link/", "/verify/link//",
		"/verify/case/", "/verify/case/a/b", "/verify/nowhere",
		"/VERIFY/link/x", "/Verify", "//verify/link/x", "//verify", "/verify/assets/none.js", "/verify/%00",
		"/verify/..%2f"} {
		answer := v.request(http.MethodGet, "https://kyc.example"+path, "", nil)
		require.Contains(t, []int{http.StatusNotFound, http.StatusForbidden}, answer.Code, path)
		require.Equal(t, asPage, answer.Header().Get("Content-Type"), path)
		require.Contains(t, answer.Header().Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotContains(t, answer.Body.String(), `"title":`, path)
	}
	answer := v.request(http.MethodPut, "/verify/case", "", nil)
	require.Equal(t, http.StatusMethodNotAllowed, answer.Code)
	require.Equal(t, asPage, answer.Header().Get("Content-Type"))
	require.Contains(t, v.get("/verifyer").Header().Get("Content-Type"), "json", "a program's address")
}
