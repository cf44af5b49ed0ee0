package edge

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"durablekyc.example/internal/weburl"
)

// Front is the engine behind what proxies and clients do to paths. A proxy may
// strip the path of KYC_PUBLIC_URL or keep it: either way the routes are found.
// No address is redirected, for a redirect would repeat the token in it.
type Front struct {
	*gin.Engine
	prefix string // the path of KYC_PUBLIC_URL, as a request's path has it; empty if there is none
}

// atHome are the first steps of all paths: what is behind them decides whether a
// prefix is one, so that a KYC_PUBLIC_URL such as https://host/verify works, too.
var atHome = []string{"/verify/", "/connectfi/", "/akepa/", "/auth/", "/openapi.yaml"}

// NewFront puts a front before an engine whose public URL this is.
func NewFront(engine *gin.Engine, public weburl.Base) Front {
	prefix, err := url.PathUnescape(public.Path())
	if err != nil { // the standard lets a lone % pass: then it is in the request's path as well
		prefix = public.Path()
	}
	return Front{engine, prefix}
}

func (f Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path := f.path(r.URL.Path); path != r.URL.Path {
		to := *r.URL
		to.Path, to.RawPath = path, ""
		moved := *r
		moved.URL = &to
		r = &moved
	}
	f.Engine.ServeHTTP(w, r)
}

// path is the one that a route has. A base URL that ends in a slash makes two of
// one, and some clients put another behind a path: on the API's addresses both
// count for nothing.
func (f Front) path(path string) string {
	path = oneSlash(path)
	if rest, under := strings.CutPrefix(path, f.prefix+"/"); under && f.prefix != "" {
		rest = oneSlash("/" + rest)
		for _, step := range atHome {
			if strings.HasPrefix(rest, step) {
				path = rest
				break
			}
		}
	}
	if !strings.HasPrefix(path, "/akepa/") && !strings.HasPrefix(path, "/auth/") {
		return path
	}
	steps := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	return "/" + strings.Join(steps, "/")
}

// oneSlash makes one of the slashes that a path begins with.
func oneSlash(path string) string {
	if strings.HasPrefix(path, "//") {
		return "/" + strings.TrimLeft(path, "/")
	}
	return path
}
