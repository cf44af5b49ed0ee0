// Package portal is where applicants open links and send images of their documents.
package portal

import (
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/page"
)

// root is the path of the portal, below the path of the public URL: see Portal.home.
const root = linktoken.LinkPath

// Config is what a Portal needs besides an edge. All of it is required where
// nothing else is said.
type Config struct {
	Documents     *docstore.Store   // where images go
	Limits        imagecheck.Limits // of images
	UploadTimeout time.Duration     // for all images of a form
	AnswerTimeout time.Duration     // for the answer of a case
	UploadRate    edge.Rate         // of forms from one applicant
	Page          fs.FS             // whose pages they are; nil is nobody's in particular
	Frames        []string          // origins that may show the pages in a frame; none is nobody

	Registry prometheus.Registerer // of metrics
}

// Portal is the applicants' part of the webhook. See New.
type Portal struct {
	edge          *edge.Edge
	config        Config
	home          string // as browsers see it: the path of the public URL and root
	pages         *page.Pages
	crossOrigin   *http.CrossOriginProtection
	uploads       *edge.Limiter
	caseReadLimit *edge.Limiter      // at a case: each is a query, which Temporal bills
	formsPerLink  *concurrencyPerKey // of applicants with a form on its way
	formSlots     chan struct{}      // one taken for each form on its way, up to 20 MB each
	imageSlots    chan struct{}      // one taken for each image that is checked, up to 250 MB each
	drafts        [64]sync.Mutex     // see lockDraft
	texts         sync.Map           // digests of texts that are in the document store, by the text
	metrics       metrics
}

// How much is done at once for applicants.
const (
	maxReceiving = 16
	maxSending   = 3 // of them by one link: nobody's slow line keeps the others out
	maxLooking   = 2
)

// caseReads is how often one applicant may read a case.
var caseReads = edge.Rate{Every: 500 * time.Millisecond, Burst: 60}

// New loads the pages, and starts nothing.
func New(e *edge.Edge, c Config) (*Portal, error) {
	home := e.PublicURL.Path() + root
	pages, err := page.New(home, c.Page, c.Frames...)
	if err != nil {
		return nil, err
	}
	crossOrigin := http.NewCrossOriginProtection()
	if err := crossOrigin.AddTrustedOrigin(e.PublicURL.Origin()); err != nil {
		return nil, fmt.Errorf("invalid public URL: %w", err)
	}
	metrics, err := newMetrics(c.Registry, pages)
	if err != nil {
		return nil, err
	}
	return &Portal{edge: e, config: c, home: home, pages: pages, crossOrigin: crossOrigin, metrics: metrics,
		uploads: edge.NewLimiter(c.UploadRate), caseReadLimit: edge.NewLimiter(caseReads),
		formsPerLink: &concurrencyPerKey{most: maxSending, all: map[string]int{}},
		formSlots:    make(chan struct{}, maxReceiving), imageSlots: make(chan struct{}, maxLooking)}, nil
}

// AddRoutes adds the routes of applicants: they open a link, press its button, and
// then have a session.
func (p *Portal) AddRoutes(engine *gin.Engine) {
	applicants := engine.Group(root, p.pageHeaders, p.edge.RateLimit, p.sameSite)
	edge.GetAndHead(applicants, "/link/:ticket", p.getLink)
	applicants.POST("/link/:ticket", p.postLink)
	// Where the address names no session, the only one in the browser is meant.
	for _, session := range []string{"", "/:session"} {
		edge.GetAndHead(applicants, "/case"+session, p.getCase)   // what is missing, and how it stands
		applicants.POST("/case"+session, p.postCase)              // images of one person's document
		edge.GetAndHead(applicants, "/state"+session, p.getState) // the same page, once it has changed
	}
	edge.GetAndHead(applicants, "/accessibility", p.accessibility)
	edge.GetAndHead(applicants, "/limits", p.limits) // what image validation takes, for programs
	edge.GetAndHead(applicants, "/assets/:name", p.asset)
}

// Owns reports whether people come to such an address: nothing there is
// answered in JSON, however the address was typed.
func (p *Portal) Owns(path string) bool {
	path = "/" + strings.ToLower(strings.TrimLeft(path, "/"))
	return path == root || strings.HasPrefix(path, root+"/")
}

// accessibility shows the accessibility statement.
func (p *Portal) accessibility(c *gin.Context) {
	lang := p.language(c)
	p.render(c, http.StatusOK, page.Statement{Lang: lang, Others: p.alternates(c, lang)})
}

// limits publishes what the gate takes.
func (p *Portal) limits(c *gin.Context) {
	l := p.config.Limits
	c.JSON(http.StatusOK, gin.H{"maxBytes": l.MaxBytes, "maxPixels": l.MaxPixels, "minEdge": l.MinEdge,
		"maxEdge": l.MaxEdge, "kinds": []string{"image/jpeg", "image/png"}})
}

// asset serves the page's style and script, which never change under one name.
func (p *Portal) asset(c *gin.Context) {
	body, contentType, ok := p.pages.Asset(c.Param("name"))
	if !ok {
		p.WriteError(c, edge.ErrNotFound)
		return
	}
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Data(http.StatusOK, contentType, body)
}
