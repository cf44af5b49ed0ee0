package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"durablekyc.example/workflows"
)

// Setup makes what is missing, once: run again, it finds everything there.
func TestSetupPreparesATemporal(t *testing.T) {
	i := installed(t)
	i.retention, i.attributes, i.busy = 0, map[string]enumspb.IndexedValueType{}, 1
	code, out, errs := i.run(t.Context(), "setup", "--wait", "10s")
	require.Zero(t, code, "%s%s", out, errs)
	require.Equal(t, `created        namespace cases: closed cases are kept for 30 days
created        search attribute KycCustomerType: Keyword
created        search attribute KycDeadline: Datetime
created        search attribute KycStage: Keyword
created        search attribute KycWaitingOn: Keyword
`, out)
	require.Equal(t, workflows.SearchAttributes(), i.attributes)
	require.Equal(t, 30*day, i.retention)

	code, out, errs = i.run(t.Context(), "setup", "--retention", "960h")
	require.Zero(t, code, errs)
	require.Contains(t, out,
		"changed        namespace cases: closed cases are kept for 40 days now; before it was 30 days\nalready there  "+
			"search "+
			"attribute KycCustomerType: Keyword\n")
	code, out, errs = i.run(t.Context(), "setup")
	require.Zero(t, code, errs)
	require.Equal(t, 5, strings.Count(out, "already there"), out)
	require.Equal(t, 40*day, i.retention, "a longer one stays")

	i.attributes["KycStage"] = enumspb.INDEXED_VALUE_TYPE_TEXT
	code, out, errs = i.run(t.Context(), "setup")
	require.Equal(t, 1, code)
	require.Empty(t, errs, "every word is printed")
	require.Contains(t, out,
		"NOT DONE       search attribute KycStage: it has type Text, but must have Keyword\n               try: ")
}

// A build is promoted once its worker polls both queues, and not before.
func TestSetupPromotesABuild(t *testing.T) {
	i := installed(t)
	i.variables["KYC_DEPLOYMENT"] = "kyc"
	last := func(args ...string) (int, string) {
		code, out, errs := i.run(t.Context(), append([]string{"setup", "--promote", "1.4.0"}, args...)...)
		require.Empty(t, errs)
		_, line, _ := strings.Cut(out[strings.LastIndex(out, "KycWaitingOn"):], "\n")
		return code, line
	}
	const try = "\n               try: start a worker of build 1.4.0 with KYC_DEPLOYMENT=kyc, then starter setup " +
		"--promote 1.4.0 --wait 2m\n"
	code, says := last()
	require.Equal(t, 1, code)
	require.Equal(t, "NOT DONE       worker deployment kyc: no worker of this deployment has connected yet"+try, says)
	i.worker("1.3.0", workflows.TaskQueue, workflows.ReadsQueue)
	code, says = last()
	require.Equal(t, 1, code)
	require.Equal(t, "NOT DONE       worker deployment kyc: no worker of build 1.4.0 has connected yet"+try, says)
	i.worker("1.4.0", workflows.TaskQueue)
	code, says = last()
	require.Equal(t, 1, code)
	require.Equal(t, "NOT DONE       worker deployment kyc: the worker of build 1.4.0 does not poll kyc-reads "+
		"yet"+try,
		says)
	require.Empty(t, i.current)

	time.AfterFunc(1500*time.Millisecond, func() { // while setup waits for it
		i.mu.Lock()
		defer i.mu.Unlock()
		i.builds["1.4.0"] = []string{workflows.TaskQueue, workflows.ReadsQueue}
	})
	code, says = last("--wait", "1m")
	require.Zero(t, code)
	require.Equal(t, "changed        worker deployment kyc: 1.4.0 is the current version now; before there was none\n", says)
	require.Equal(t, "1.4.0", i.current)
	code, says = last()
	require.Zero(t, code)
	require.Equal(t, "already there  worker deployment kyc: 1.4.0 is the current version\n", says)
	i.current = "1.3.0"
	_, says = last()
	require.Equal(t, "changed        worker deployment kyc: 1.4.0 is the current version now; before it was 1.3.0\n", says)
}
