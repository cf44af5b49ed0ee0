package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate exports when the certificate of this name ends, as seconds since
// 1970. ends is asked at each scrape: a certificate may be renewed on disk. A
// name is registered once.
func (t *Telemetry) Certificate(name string, ends func() time.Time) {
	t.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kyc_certificate_expiration_timestamp_seconds", Help: "Expiry time of a certificate that is read from a file.",
		ConstLabels: prometheus.Labels{"certificate": name},
	}, func() float64 { return float64(ends().Unix()) }))
}
