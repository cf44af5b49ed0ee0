package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ownPostgres is the address of a server of the tests' own, started once.
var ownPostgres = sync.OnceValues(startPostgres)

// stopPostgres ends it, if a test started it.
var stopPostgres = func() error { return nil }

// keeper runs the server, until its standard input ends: when the tests say so,
// or when they die. Nothing of it is left then.
const keeper = `"$1"/postgres -D "$2"/data -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=400 \
	-c fsync=off -c full_page_writes=off -c synchronous_commit=off >"$2"/log 2>&1 &
cat
kill -INT $!
wait $!
cd / && rm -rf "$2"`

// startPostgres runs a server with nothing in it. What it writes need not
// outlive the machine, so it waits for no disk (fsync=off).
func startPostgres() (address string, err error) {
	bin, err := postgresBin()
	if err != nil {
		return "", err
	}
	as, err := account()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "durablekyc-postgres-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	password := rand.Text()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(password), 0o600); err != nil {
		return "", err
	}
	attributes := &syscall.SysProcAttr{}
	if as != nil {
		attributes.Credential = as
		for _, path := range []string{dir, filepath.Join(dir, "password")} {
			if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
				return "", err
			}
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", filepath.Join(dir, "data"), "--username=kyc",
		"--pwfile", filepath.Join(dir, "password"),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, attributes
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	run := exec.Command("/bin/sh", "-c", keeper, "sh", bin, dir, port)
	run.Dir, run.SysProcAttr = dir, attributes
	running, err := run.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := run.Start(); err != nil {
		return "", err
	}
	stopPostgres = func() error { return errors.Join(running.Close(), run.Wait()) }
	address = "postgres://kyc:" + password + "@127.0.0.1:" + port + "/"
	return address, answers(address+"postgres?sslmode=disable", filepath.Join(dir, "log"))
}

// answers waits until the server takes connections.
func answers(address, log string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		err := execute(address, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(log)
			return fmt.Errorf("PostgreSQL does not start: %w: %s", err, said)
		case <-tick.C:
		}
	}
}

// postgresBin is where a server's programs are. Debian keeps them off the path.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("there is no PostgreSQL on this machine: install it (make tools), or name one with -postgres " +
			"URL")
	}
	path, err := filepath.EvalSymlinks(found[len(found)-1])
	return filepath.Dir(path), err
}

// account is who runs the server: PostgreSQL refuses to be root.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
