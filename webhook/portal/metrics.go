package portal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"durablekyc.example/kyc"
	"durablekyc.example/webhook/page"
)

// metrics count what applicants reach, by language and kind of device: no
// address, no browser, no case.
type metrics struct {
	steps   *prometheus.CounterVec
	refused *prometheus.CounterVec
	pages   *page.Pages
}

// events are what is counted, in the order in which an applicant meets them.
var events = []string{"opened", "started", stepDocument, stepFront, stepBack, stepReview, "sent", "status", "finished"}

func newMetrics(registry prometheus.Registerer, pages *page.Pages) (metrics, error) {
	m := metrics{pages: pages,
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kyc_applicant_steps_total",
			Help: "Pages shown to applicants, and forms taken from them, by step, language and kind of device.",
		}, []string{"step", "language", "device"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kyc_applicant_photos_refused_total",
			Help: "Applicants' photos that were refused or doubted, by reason, language and kind of device.",
		}, []string{"reason", "language", "device"}),
	}
	for _, lang := range pages.Languages() { // a rate over a series that is not there yet misses its first event
		for _, device := range kyc.Devices {
			for _, event := range events {
				m.steps.WithLabelValues(event, lang, device)
			}
		}
	}
	if err := errors.Join(registry.Register(m.steps), registry.Register(m.refused)); err != nil {
		return metrics{}, fmt.Errorf("metrics: %w", err)
	}
	return m, nil
}

// labels are the language of an answer and the kind of device it goes to.
func (m metrics) labels(c *gin.Context) (lang, device string) {
	chosen, _ := c.Cookie(languageCookie)
	if asked := c.Query("lang"); asked != "" {
		chosen = asked
	}
	device = "desktop"
	if agent := c.GetHeader("User-Agent"); strings.Contains(agent, "Mobi") || strings.Contains(agent, "Android") {
		device = "phone"
	}
	return m.pages.Language(chosen, c.GetHeader("Accept-Language")), device
}

// count counts something that an applicant has reached.
func (m metrics) count(c *gin.Context, event string) {
	lang, device := m.labels(c)
	m.steps.WithLabelValues(event, lang, device).Inc()
}

// refuse counts why a photo was not taken as it came.
func (m metrics) refuse(c *gin.Context, reason string) {
	lang, device := m.labels(c)
	m.refused.WithLabelValues(reason, lang, device).Inc()
}
