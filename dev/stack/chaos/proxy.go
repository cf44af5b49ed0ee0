package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// balancer stands in front of the webhooks as a load balancer does: whoever is
// up is asked, one connection each in turn.
type balancer struct {
	net.Listener
	behind []string
	next   atomic.Uint64
	open   sync.WaitGroup
}

func newBalancer(behind ...string) (*balancer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{Listener: listener, behind: behind}
	b.open.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			b.open.Go(func() { b.pass(in) })
		}
	})
	return b, nil
}

func (b *balancer) pass(in net.Conn) {
	defer in.Close()
	for range b.behind {
		out, err := net.Dial("tcp", b.behind[b.next.Add(1)%uint64(len(b.behind))])
		if err != nil {
			continue
		}
		defer out.Close()
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(out, in); _ = out.(*net.TCPConn).CloseWrite() })
		both.Go(func() { _, _ = io.Copy(in, out); _ = in.(*net.TCPConn).CloseWrite() })
		both.Wait()
		return
	}
}

func (b *balancer) stop() error {
	err := b.Close()
	b.open.Wait()
	return err
}
