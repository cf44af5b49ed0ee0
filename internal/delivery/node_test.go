//go:build node

package delivery

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Node's own server refuses a request line that is not ASCII or has a space.
func TestNodeTakesWhatIsSent(t *testing.T) {
	node := exec.CommandContext(t.Context(), "node", "-e",
		`require("http").createServer((q, a) => { a.setHeader("Retry-After", "0"); a.statusCode = 200;
		console.log(q.url); a.end() }).listen(0, "127.0.0.1", function () { console.log("http://127.0.0.1:" + this.address().port) })`)
	out, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	t.Cleanup(func() { _, _ = node.Process.Kill(), node.Wait() })
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	base := lines.Text()
	s, err := New(Config{Secrets: secrets(t, printed), AllowPrivate: true})
	require.NoError(t, err)
	for _, rest := range []string{"/hook?a=b c", "/hook?name=José", "/ä/b c?q=ä", "/%zz|x?{y}"} {
		answer, err := s.Send(t.Context(), base+rest, "evt_A1_1", []byte("{}"))
		require.NoError(t, err, rest)
		require.Equal(t, 200, answer.Status, rest)
		require.True(t, lines.Scan())
		heard := lines.Text()
		want, err := exec.CommandContext(t.Context(), "node", "-p",
			"const u = new URL(process.argv[1]); u.pathname + u.search", base+rest).Output()
		require.NoError(t, err)
		require.Equal(t, strings.TrimSpace(string(want)), heard, "as node's own URL writes it")
	}
}
