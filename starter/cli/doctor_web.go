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
	base, ok := x.value("CONNECTFI_BASE_URL", "it says where ConnectFi is")
	login, ok1 := x.value("CONNECTFI_LOGIN", "it says who asks ConnectFi")
	password, ok2 := x.value("CONNECTFI_PASSWORD", "it is the login's")
	if !ok || !ok1 || !ok2 {
		x.skip(check, "it cannot be asked without all three")
		return
	}
	const credentials = "CONNECTFI_LOGIN=… and CONNECTFI_PASSWORD=…, as ConnectFi gave them"
	if err := config.CheckNotPublished("CONNECTFI_PASSWORD", password); err != nil {
		x.bad(check, oneLine(err), credentials)
		return
	}
	watch := &clockTransport{next: http.DefaultTransport}
	c, err := connectfi.New(connectfi.Config{BaseURL: base, Login: login, Password: password, Timeout: answerWithin,
		HTTP: &http.Client{Transport: watch}})
	if err != nil {
		x.bad(check, oneLine(err), "CONNECTFI_BASE_URL=https://… and the login that ConnectFi gave you")
		return
	}
	err = c.SignIn(ctx)
	said, isSaid := errors.AsType[*connectfi.Error](err)
	switch {
	case err == nil:
		x.ok(check, "it takes the login")
	case isSaid && said.Code == connectfi.CodeUnauthorized:
		x.bad(check, "it refuses the login", credentials)
	case isSaid && said.Code != "":
		x.bad(check, oneLine(err), "starter doctor, in a moment; then ask ConnectFi")
	case isSaid && said.HTTPStatus != 0:
		x.bad(check, "what answers at CONNECTFI_BASE_URL is not ConnectFi: "+oneLine(err),
			"CONNECTFI_BASE_URL=https://…, as ConnectFi's pages have it")
	default:
		x.bad(check, "it cannot be reached: "+oneLine(err),
			"CONNECTFI_BASE_URL=https://…, and let this machine out to it (HTTPS_PROXY)")
	}
	x.checkClock("ConnectFi", watch)
}

// checkPublicURL proves with a link that has ended that the webhook is ours and
// has these link keys. Such a link opens nothing, and nobody without the keys
// can make one: to everybody else the answers are what they always were.
func (x *doctorRun) checkPublicURL(ctx context.Context) {
	const check = "KYC_PUBLIC_URL"
	base, ok := x.value(check, "it is the webhook as applicants reach it")
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
		x.bad(check, "the webhook cannot be reached there, from here: "+oneLine(nowhere.err), check+
			"=as applicants reach the webhook; its log says whether it is up")
		return
	case !nowhere.unknown():
		x.bad(check, "it leads elsewhere: what answers is not our webhook"+nowhere.where(), check+
			"=as applicants reach the webhook")
		return
	case x.keys == linktoken.Keys{}:
		x.skip(check, "the webhook is there; whether it has the same link keys cannot be told without them")
		return
	}
	page := x.keys.Address(base, linktoken.Ticket{Subject: probeReference, Expires: x.out.clock().Add(-24 * time.Hour)})
	ended := w.ask(ctx, http.MethodGet, page, "")
	switch {
	case ended.err == nil && ended.status == http.StatusGone:
		if broken := w.parts(ctx, page, ended.body); broken != "" {
			x.bad(check, "the webhook answers there, but a browser does not get all of its page: "+broken,
				"a proxy that passes on everything below the path of "+check+"; and "+check+"=the same for the webhook and here")
			return
		}
		x.okOverTLS(check, base, "the webhook answers there, and has the same link keys")
	case ended.err == nil && ended.status == http.StatusNotFound:
		x.bad(check, "the webhook there has other link keys: no link that is made with these opens",
			"KYC_LINK_KEYS=the same for worker, webhook and starter")
	default:
		x.bad(check, "the webhook there does not take links"+ended.where(), "starter doctor, in a moment; the webhook's log")
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
		x.bad(check, oneLine(err), "set one of them, to what the worker has")
		return
	}
	if base == "" {
		if base, _, err = x.lookup.Value("KYC_PUBLIC_URL"); err != nil || base == "" {
			x.skip(check, "it is not set, nor is KYC_PUBLIC_URL")
			return
		}
		check += " (which is KYC_PUBLIC_URL)"
	}
	base, ok := x.address(check, base)
	if !ok {
		return
	}
	if (x.keys == linktoken.Keys{}) {
		x.skip(check, "no callback URL can be made without link keys")
		return
	}
	w := &clockTransport{next: http.DefaultTransport}
	probe := w.ask(ctx, http.MethodPost, base+"/connectfi/callbacks/"+probeReference+"/"+x.keys.Mint(linktoken.Callback,
		probeReference), strings.Repeat(" ", beyondCallback))
	switch {
	case probe.err != nil:
		x.bad(check, "the webhook cannot be reached there, from here: "+oneLine(probe.err),
			"KYC_CALLBACK_URL=as ConnectFi reaches the webhook")
	case probe.problem() && probe.status == http.StatusRequestEntityTooLarge:
		x.okOverTLS(check, base, "callbacks arrive at the webhook, and it has the same link keys")
	case probe.unknown():
		x.bad(check, "the webhook there has other link keys: every callback is refused, and cases only find out by asking",
			"KYC_LINK_KEYS=the same for worker and webhook")
	case probe.problem():
		x.bad(check, "the webhook there takes no callback now"+probe.where(),
			"starter doctor, in a moment; the webhook's log")
	default:
		x.bad(check, "it leads elsewhere: what answers is not our webhook"+probe.where(),
			"KYC_CALLBACK_URL=as ConnectFi reaches the webhook")
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
		x.warn(check, says+"; but it is http, and what is in these addresses would travel in clear", strings.Fields(check)[0]+
			"=https://…")
		return
	}
	x.ok(check, says)
}

// checkClock holds this machine's clock against that of somebody who answered.
func (x *doctorRun) checkClock(whose string, w *clockTransport) {
	check := "clock, against " + whose
	off, ok := w.measured()
	switch ahead := "behind"; {
	case !ok:
		x.skip(check, "no answer told the time")
	case off.Abs() > maxClockSkew:
		if off > 0 {
			ahead = "ahead of"
		}
		x.bad(check, fmt.Sprintf("this machine is %s %s %s", formatDuration(off.Abs()), ahead, whose),
			"timedatectl set-ntp true, here or there: links and signatures end to the minute")
	default:
		x.ok(check, "they agree")
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
