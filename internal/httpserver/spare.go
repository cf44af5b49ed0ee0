package httpserver

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
)

// How many connections the admin listener has at once, and how many of them it
// can still take when the process has no file descriptor left.
const (
	maxAdmin = 64
	spares   = 4
)

// descriptors bounds a number of connections by half of the file descriptors
// that the process may have: the other half is for Temporal, ConnectFi,
// receivers and the bucket.
func descriptors(most int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur/2 > uint64(most) {
		return most
	}
	return max(int(limit.Cur/2), 1)
}

// spareListener holds a few file descriptors back, so that a health check is
// answered by a process that has run out of them.
type spareListener struct {
	net.Listener

	mu   sync.Mutex
	held []*os.File
}

func newSpareListener(ln net.Listener) *spareListener {
	l := &spareListener{Listener: ln}
	for range spares {
		l.hold()
	}
	return l
}

func (l *spareListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	exhausted := errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
	if !exhausted || !l.release() {
		return conn, err
	}
	if conn, err = l.Listener.Accept(); err != nil {
		l.hold()
		return nil, err
	}
	return &spareConn{Conn: conn, closed: sync.OnceFunc(l.hold)}, nil
}

// Close gives the descriptors back with the listener.
func (l *spareListener) Close() error {
	for l.release() {
	}
	return l.Listener.Close()
}

// hold takes one back, if there is one to be had.
func (l *spareListener) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if file, err := os.Open(os.DevNull); err == nil {
		l.held = append(l.held, file)
	}
}

// release frees one for whatever is opened next; false if none is held.
func (l *spareListener) release() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.held) - 1
	if last < 0 {
		return false
	}
	_ = l.held[last].Close()
	l.held = l.held[:last]
	return true
}

// spareConn gives its descriptor back to the listener that held it.
type spareConn struct {
	net.Conn
	closed func()
}

func (c *spareConn) Close() error {
	err := c.Conn.Close()
	c.closed()
	return err
}
