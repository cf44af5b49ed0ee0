package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheLogHidesWhatIsNobodysBusiness(t *testing.T) {
	type person struct{ Name string }
	for name, test := range map[string]struct {
		log  func(*slog.Logger)
		says string // a part of the line
	}{
		"an address": {func(l *slog.Logger) {
			l.Info(
				"calling https://me:MARKER@example.com:8443/hook/MARKER?key=MARKER now")
		}, "https://example.com:8443/[hidden] now"},
		"a path of ours": {func(l *slog.Logger) { l.Info("GET /verify/link/MARKER was asked") },
			"GET /verify/link/[hidden] was asked"},
		"a callback's path": {func(l *slog.Logger) { l.Info("x", "path", "/connectfi/callbacks/A1/v1-MARKER") },
			"/connectfi/callbacks/[hidden]"},
		"a bearer":         {func(l *slog.Logger) { l.Info("x", "header", "Bearer MARKER") }, "Bearer [hidden]"},
		"a signing secret": {func(l *slog.Logger) { l.Info("x", "said", "whsec_MARKERMARKER") }, "said=[hidden]"},
		"a long token": {func(l *slog.Logger) {
			l.Info("x", "said",
				"got MARKERxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
		}, `said="got [hidden]"`},
		"an e-mail": {func(l *slog.Logger) { l.Info("x", "who", "MARKER@example.com") }, "who=[hidden]"},
		"a password by name": {func(l *slog.Logger) { l.Info("x", "connectfi_password", "MARKER") },
			"connectfi_password=[hidden]"},
		"a name by name": {func(l *slog.Logger) { l.Info("x", "firstName", "MARKER") }, "firstName=[hidden]"},
		"a struct": {func(l *slog.Logger) { l.Info("x", "who", person{"MARKER"}) },
			`who="telemetry.person, not shown"`},
		"bytes": {func(l *slog.Logger) { l.Info("x", "got", []byte("MARKER")) }, `got="[]uint8, not shown"`},
		"an error": {func(l *slog.Logger) {
			l.Info("x", "error",
				errors.New("no answer of https://a.example/MARKER"))
		}, `error="no answer of https://a.example/[hidden]"`},
		"in a group": {func(l *slog.Logger) { l.Info("x", slog.Group("g", "token", "MARKER")) },
			"g.token=[hidden]"},
		"given beforehand": {func(l *slog.Logger) { l.With("token", "MARKER").Info("x") }, "token=[hidden]"},
		"in a group beforehand": {func(l *slog.Logger) { l.WithGroup("g").With("said", person{"MARKER"}).Info("x") },
			"not shown"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"text", "json"} {
				var out bytes.Buffer
				test.log(Logger(&out, format))
				require.NotContains(t, out.String(), "MARKER")
				if format == "text" {
					require.Contains(t, out.String(), test.says)
				}
			}
		})
	}
}

// What an operator needs gets through as it is.
func TestTheLogTellsWhatIsNeeded(t *testing.T) {
	var out bytes.Buffer
	Logger(&out, "text").Info("a case was held", "route", "/connectfi/callbacks/:reference/:token", "reference",
		"extRefApp100", "application", "iapp_AwXROkAVhfKmkhXjOTmuK",
		"run", "019ab8f2-3f5c-7d21-8a51-0c8b6d5e7f10", "workflow", "kyc-notify-12345678901234567890123456789012", "took",
		3*time.Second, "payloads", 4,
		"at", netip.MustParseAddrPort("127.0.0.1:8080"), "of", []string{"kyc-A1", "kyc-A2"}, "error",
		errors.New("ConnectFi answers 503"), "nothing", nil)
	for _, said := range []string{"a case was held", "route=/connectfi/callbacks/:reference/:token", "extRefApp100",
		"iapp_AwXROkAVhfKmkhXjOTmuK", "019ab8f2-3f5c-7d21-8a51-0c8b6d5e7f10",
		"kyc-notify-12345678901234567890123456789012", "took=3s", "payloads=4", "at=127.0.0.1:8080", `of="kyc-A1 kyc-A2"`,
		`error="ConnectFi answers 503"`} {
		require.Contains(t, out.String(), said)
	}
}

// Whoever gets a text into the log gets no line of their own into it.
func TestAnEventIsOneLine(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		for _, end := range []string{"\n", "\r\n", "\r", "\u2028", "\x1b[2K"} {
			var out bytes.Buffer
			Logger(&out, format).Info("hello"+end+"level=ERROR", "said", "x"+end+`{"level":"ERROR"}`, "error",
				errors.New("y"+end))
			require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), format)
			require.Equal(t, out.Len()-1, bytes.IndexByte(out.Bytes(), '\n'))
			for _, raw := range []string{"\r", "\x1b", "\u2028"} {
				require.NotContains(t, out.String(), raw, format)
			}
		}
	}
}
