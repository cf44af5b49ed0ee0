package services

import (
	"fmt"
	"net"

	"durablekyc.example/internal/httpserver"
)

// Ports of this machine that the services listen on; 0 is any free one.
type Ports struct{ Webhook, Admin, Sandbox int }

// Listeners are taken before anything starts, so that a taken port is reported at once.
type Listeners struct{ webhook, admin, sandbox net.Listener }

// Listen takes the ports on 127.0.0.1. The error of a taken one names the flag that changes it.
func Listen(p Ports) (l Listeners, err error) {
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	for _, one := range []struct {
		name string
		port int
		to   *net.Listener
	}{{"webhook", p.Webhook, &l.webhook}, {"admin", p.Admin, &l.admin}, {"sandbox", p.Sandbox, &l.sandbox}} {
		if *one.to, err = ListenOn(one.name, one.port); err != nil {
			return l, err
		}
	}
	return l, nil
}

// ListenOn takes one port on 127.0.0.1.
func ListenOn(name string, port int) (net.Listener, error) {
	listener, err := httpserver.Listen(fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("%w; or give --%s-port 0 for any free one", err, name)
	}
	return listener, nil
}

// Close frees the ports; those that are free already stay so.
func (l Listeners) Close() {
	for _, listener := range []net.Listener{l.webhook, l.admin, l.sandbox} {
		if listener != nil {
			_ = listener.Close()
		}
	}
}

// AdminURL is the base URL of the webhook's admin listener, which also serves the codec server.
func (l Listeners) AdminURL() string { return "http://" + l.admin.Addr().String() }
