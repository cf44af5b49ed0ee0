package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// hidden replaces what was taken out.
const hidden = "[hidden]"

// secretKeys are words in names of attributes whose values are never written,
// whatever they are: who logs one has made a mistake already. They are looked
// for in small letters.
var secretKeys = []string{"token", "secret", "password", "passphrase", "authorization", "cookie", "keyset",
	"credential", "payload", "body", "image", "email", "phone",
	"birth", "address_line", "ssn", "firstname", "first_name", "lastname", "last_name", "filename", "file_name"}

// What is taken out of every text, messages and errors included. Their order
// matters: an address is shortened before what was in it is looked at. Most texts
// have none of the characters without which there is nothing to find.
var patterns = []struct {
	signs string
	what  *regexp.Regexp
	with  string
}{
	// Of an address, the path and the query may hold a capability or a
	// receiver's secret, and the user information is one.
	{":", regexp.MustCompile(`([a-z][a-z0-9+.-]*://)(?:[^\s/?#"'@]*@)?([^\s/?#"'@]+)[^\s"']*`), "$1$2/" + hidden},
	// So may the paths of ours, but as the log names them: by their route.
	{"/", regexp.MustCompile(`/(verify/link|connectfi/callbacks|codec)/[^\s"':][^\s"']*`), "/$1/" + hidden},
	{" \t\n\f\r", regexp.MustCompile(`(?i)\b(bearer|basic)\s+[^\s"']+`), "$1 " + hidden},
	{"_", regexp.MustCompile(`\bwhsec_[A-Za-z0-9+/=_-]+`), hidden},
	{"@", regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`), hidden},
}

// long is a key, a ticket or a token, of ours or of others: the longest id of
// ConnectFi's and of a run has 36 characters. Only workflow ids are longer.
var long = regexp.MustCompile(`[A-Za-z0-9_+-]{40,}`)

// redactor keeps secrets and persons out of the log, should a line once be
// about to write them. It is the last defence and not the first: what is logged
// is chosen where it is logged.
type redactor struct{ next slog.Handler }

func (r redactor) Enabled(ctx context.Context, level slog.Level) bool {
	return r.next.Enabled(ctx, level)
}

func (r redactor) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, redact(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(redactAttr(a))
		return true
	})
	return r.next.Handle(ctx, clean)
}

func (r redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	cleared := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		cleared[i] = redactAttr(a)
	}
	return redactor{r.next.WithAttrs(cleared)}
}

func (r redactor) WithGroup(name string) slog.Handler { return redactor{r.next.WithGroup(name)} }

func redactAttr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindTime, slog.KindUint64:
		return slog.Attr{Key: a.Key, Value: value} // a count of payloads is no payload
	case slog.KindGroup:
		members := value.Group()
		cleared := make([]slog.Attr, len(members))
		for i, m := range members {
			cleared[i] = redactAttr(m)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(cleared...)}
	}
	name := strings.ToLower(a.Key)
	if slices.ContainsFunc(secretKeys, func(word string) bool { return strings.Contains(name, word) }) {
		return slog.String(a.Key, hidden)
	}
	return slog.String(a.Key, redact(text(value)))
}

// text writes what is meant to be read. Anything else, a struct or bytes, is
// named and not shown: its fields would be printed, whatever they are.
func text(value slog.Value) string {
	if value.Kind() == slog.KindString {
		return value.String()
	}
	switch v := value.Any().(type) {
	case nil:
		return "nothing"
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case []string:
		return strings.Join(v, " ")
	default:
		return fmt.Sprintf("%T, not shown", v)
	}
}

func redact(s string) string {
	for _, p := range patterns {
		if !strings.ContainsAny(s, p.signs) {
			continue
		}
		s = p.what.ReplaceAllString(s, p.with)
	}
	return long.ReplaceAllStringFunc(s, func(token string) string {
		if strings.HasPrefix(token, "kyc-") {
			return token
		}
		return hidden
	})
}
