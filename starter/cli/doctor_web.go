package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"durablekyc.example/connectfi"
	"durablekyc.example/internal/config"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/internal/weburl"
)

// maxClockSkew is by how much two clocks may differ: links and signatures of events
// end to the minute.
const maxClockSkew = 30 * time.Second

// checkConnectFi fetches a token, which is all that can be asked without a
// customer.
func (x *doctorRun) checkConnectFi(ctx context.Context) {
	const check = "ConnectFi"
	base, ok := x.value("CONNECTFI_BASE_URL", "it is the base URL of ConnectFi")
	login, ok1 := x.value("CONNECTFI_LOGIN", "it is the login at ConnectFi")
	password, ok2 := x.value("CONNECTFI_PASSWORD", "it is the password of the login")
	if !ok || !ok1 || !ok2 {
		x.skip(check, "needs all three variables")
		return
	}
	const credentials = "CONNECTFI_LOGIN=… and CONNECTFI_PASSWORD=… from ConnectFi"
	if err := config.CheckNotPublished("CONNECTFI_PASSWORD", password); err != nil {
		x.bad(check, oneLine(err), credentials)
		return
	}
	watch := &clockTransport{next: http.DefaultTransport}
	c, err := connectfi.New(connectfi.Config{BaseURL: base, Login: login, Password: password, Timeout: answerWithin,
		HTTP: &http.Client{Transport: watch}})
	if err != nil {
		x.bad(check, oneLine(err), "CONNECTFI_BASE_URL=https://… and your login from ConnectFi")
		return
	}
	err = c.SignIn(ctx)
	said, isSaid := errors.AsType[*connectfi.Error](err)
	switch {
	case err == nil:
		x.ok(check, "login accepted")
	case isSaid && said.Code == connectfi.CodeUnauthorized:
		x.bad(check, "login rejected", credentials)
	case isSaid && said.Code != "":
		x.bad(check, oneLine(err), "starter doctor again in a moment; then ask ConnectFi")
	case isSaid && said.HTTPStatus != 0:
		x.bad(check, "the server at CONNECTFI_BASE_URL is not ConnectFi: "+oneLine(err),
			"CONNECTFI_BASE_URL=https://…, as in ConnectFi's documentation")
	default:
		x.bad(check, "no connection: "+oneLine(err),
			"CONNECTFI_BASE_URL=https://…, and allow this machine to connect to it (HTTPS_PROXY)")
	}
	x.checkClock("ConnectFi", watch)
}

// checkPublicURL proves with a link that has ended that the webhook is ours and
// has these link keys. Such a link opens nothing, and nobody without the keys
// can make one: to everybody else the answers are what they always were.
func (x *doctorRun) checkPublicURL(ctx context.Context) {
	const check = "KYC_PUBLIC_URL"
	base, ok := x.value(check, "it is the base URL of the webhook for applicants")
	if !ok {
		return
	}
	if base, ok = x.address(check, base); !ok {
		return
	}
	w := &clockTransport{next: http.DefaultTransport}
	nowhere := w.ask(ctx, http.MethodGet, base+"/starter-doctor-knocks", "")
	x.checkClock("the webhook", w)
	switch {
	case nowhere.err != nil:
		x.bad(check, "cannot reach the webhook there from this machine: "+oneLine(nowhere.err), check+
			"=the webhook's address for applicants; check in its log that it runs")
		return
	case !nowhere.unknown():
		x.bad(check, "reached a server that is not this webhook"+nowhere.where(), check+
			"=the webhook's address for applicants")
		return
	case x.keys == linktoken.Keys{}:
		x.skip(check, "reached the webhook; comparing the link keys needs KYC_LINK_KEYS")
		return
	}
	page := x.keys.Address(base, linktoken.Ticket{Subject: probeReference, Expires: x.out.clock().Add(-24 * time.Hour)})
	ended := w.ask(ctx, http.MethodGet, page, "")
	switch {
	case ended.err == nil && ended.status == http.StatusGone:
		if broken := w.parts(ctx, page, ended.body); broken != "" {
			x.bad(check, "reached the webhook, but its page is incomplete: "+broken,
				"have the proxy forward everything below the path of "+check+"; and "+check+"=the same value for the webhook and "+
					"here")
			return
		}
		x.okOverTLS(check, base, "reached the webhook; it has the same link keys")
	case ended.err == nil && ended.status == http.StatusNotFound:
		x.bad(check, "link keys differ from the webhook's: links would be rejected",
			"KYC_LINK_KEYS=the same for worker, webhook and starter")
	default:
		x.bad(check, "the webhook rejected a test link"+ended.where(), "starter doctor again in a moment; then read the "+
			"webhook's log")
	}
}

// probeReference is the reference of no case: ConnectFi's have no full stop.
const probeReference = "starter.doctor"

// checkCallbackURL knocks where ConnectFi will: with a callback URL as the worker
// makes them, of a case that nobody has, and a body that is too large. The webhook
// looks at the URL first, so the answer says whether it would be let in; nothing
// is handed on, for any body that fits would be a hint.
func (x *doctorRun) checkCallbackURL(ctx context.Context) {
	check := "KYC_CALLBACK_URL"
	base, _, err := x.lookup.Value(check)
	if err != nil {
		x.bad(check, oneLine(err), "set only one of the two, to the worker's value")
		return
	}
	if base == "" {
		if base, _, err = x.lookup.Value("KYC_PUBLIC_URL"); err != nil || base == "" {
			x.skip(check, "neither this nor KYC_PUBLIC_URL is set")
			return
		}
		check += " (which is KYC_PUBLIC_URL)"
	}
	base, ok := x.address(check, base)
	if !ok {
		return
	}
	if (x.keys == linktoken.Keys{}) {
		x.skip(check, "needs KYC_LINK_KEYS to make a callback URL")
		return
	}
	w := &clockTransport{next: http.DefaultTransport}
	probe := w.ask(ctx, http.MethodPost, base+"/connectfi/callbacks/"+probeReference+"/"+x.keys.Mint(linktoken.Callback,
		probeReference), strings.Repeat(" ", beyondCallback))
	switch {
	case probe.err != nil:
		x.bad(check, "cannot reach the webhook there from this machine: "+oneLine(probe.err),
			"KYC_CALLBACK_URL=the webhook's address for ConnectFi")
	case probe.problem() && probe.status == http.StatusRequestEntityTooLarge:
		x.okOverTLS(check, base, "callbacks reach the webhook; it has the same link keys")
	case probe.unknown():
		x.bad(check, "link keys differ from the webhook's: callbacks are rejected, and cases fall back to polling",
			"KYC_LINK_KEYS=the same for worker and webhook")
	case probe.problem():
		x.bad(check, "the webhook does not accept callbacks now"+probe.where(),
			"starter doctor again in a moment; then read the webhook's log")
	default:
		x.bad(check, "reached a server that is not this webhook"+probe.where(),
			"KYC_CALLBACK_URL=the webhook's address for ConnectFi")
	}
}

// beyondCallback is one byte more than a callback's body may have.
const beyondCallback = 64<<10 + 1

// address is one to build on, as it is used; what is none is refused with the reason.
func (x *doctorRun) address(check, base string) (string, bool) {
	b, err := weburl.ParseBase(base)
	if err != nil {
		x.bad(check, oneLine(err), strings.Fields(check)[0]+"=https://kyc.example.com")
		return "", false
	}
	return b.String(), true
}

// okOverTLS ends a look that went well, unless it was in clear through the world.
func (x *doctorRun) okOverTLS(check, base, says string) {
	if u, _ := url.Parse(base); u.Scheme == "http" && !local(u.Hostname()) {
		x.warn(check, says+"; but it is plain http: the secrets in these URLs would be sent unencrypted",
			strings.Fields(check)[0]+"=https://…")
		return
	}
	x.ok(check, says)
}

// checkClock compares this machine's clock with that of a server that answered.
func (x *doctorRun) checkClock(whose string, w *clockTransport) {
	check := "clock, against " + whose
	off, ok := w.measured()
	switch ahead := "behind"; {
	case !ok:
		x.skip(check, "no answer had the time")
	case off.Abs() > maxClockSkew:
		if off > 0 {
			ahead = "ahead of"
		}
		x.bad(check, fmt.Sprintf("this machine is %s %s %s", formatDuration(off.Abs()), ahead, whose),
			"timedatectl set-ntp true, here or there: links and signatures expire to the minute")
	default:
		x.ok(check, "in agreement")
	}
}

// local is a host that no stranger reaches: of this machine, of a private
// network, or a name that only such a network knows.
func local(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	for _, end := range []string{".localhost", ".local", ".internal", ".svc"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	return !strings.Contains(host, ".")
}
