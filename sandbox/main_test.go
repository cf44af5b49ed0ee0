package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sandbox": main})
}

// The built program, as a shell story.
func TestCommand(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Setenv("ADDRESS", free.Addr().String())
			return free.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"eventually": eventually},
	})
}

// eventually runs a program until it succeeds, for ten seconds at most.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var err error
	for range 200 {
		if err = ts.Exec(args[0], args[1:]...); err == nil {
			return
		}
		<-tick.C
	}
	ts.Fatalf("%v", err)
}

// A terminal that is closed sends SIGHUP, which ends a service as SIGTERM does;
// one whose log nobody reads any more goes on. The other services' mains do the same.
func TestAClosedTerminalAndABrokenLogPipe(t *testing.T) {
	program, err := exec.LookPath("sandbox") // testscript.Main puts it there
	require.NoError(t, err)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, "-listen", "127.0.0.1:0", "-delay", "10ms")
	command.Env = append(os.Environ(), "CONNECTFI_LOGIN=l", "CONNECTFI_PASSWORD=p")
	command.Stderr = write
	// Under nohup SIGHUP is ignored, and a program would go on ignoring it; what is handled here has its default there.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	require.NoError(t, command.Start())
	require.NoError(t, write.Close())
	line, err := bufio.NewReader(read).ReadString('\n')
	require.NoError(t, err)
	_, address, _ := strings.Cut(strings.TrimSpace(line), "address=")
	require.NoError(t, read.Close()) // whoever read the log is gone

	// A change of status that nobody can be called about makes it write to its log.
	base := "http://" + address
	made, err := http.Post(base+"/sandbox/customers", "application/json",
		strings.NewReader(`{"type":"individual","scenario":"running","count":1}`))
	require.NoError(t, err)
	var customers struct {
		CustomerIDs []string `json:"customerIds"`
	}
	require.NoError(t, json.NewDecoder(made.Body).Decode(&customers))
	require.NoError(t, made.Body.Close())
	client, err := connectfi.New(connectfi.Config{BaseURL: base, Login: "l", Password: "p"})
	require.NoError(t, err)
	_, err = client.Identify(t.Context(), connectfi.IdentificationRequest{CustomerID: customers.CustomerIDs[0],
		Reference: "A1", WebhookURL: "x"})
	require.NoError(t, err)
	require.Never(t, func() bool {
		response, err := http.Get(base + "/healthz")
		return err != nil || response.Body.Close() != nil
	}, time.Second, 50*time.Millisecond, "it lives")
	require.NoError(t, command.Process.Signal(syscall.SIGHUP))
	require.NoError(t, command.Wait(), "SIGHUP is a clean end")
}
