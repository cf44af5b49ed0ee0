package main

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/durationpb"

	"durablekyc.example/cases"
	"durablekyc.example/internal/config"
	"durablekyc.example/starter/cli"
)

// starterWith runs the starter with these variables alone.
func starterWith(t *testing.T, variables map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), args, strings.NewReader(""), &out, &errs, config.Map(variables))
	return code, out.String(), errs.String()
}

// only is the way to the shared Temporal and to a namespace there, and nothing
// else: setup has no use for a secret.
func only(namespace string) map[string]string {
	return map[string]string{"TEMPORAL_ADDRESS": one.temporal.Address, "TEMPORAL_NAMESPACE": namespace,
		"TEMPORAL_CONFIG_FILE": "/dev/null"}
}

// unheardOf is the name of a namespace that no other run has made.
func unheardOf(name string) string { return name + "-" + strings.ToLower(rand.Text()) }

func retentionOf(t *testing.T, namespace string) time.Duration {
	t.Helper()
	d, err := one.client.WorkflowService().DescribeNamespace(t.Context(),
		&workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	require.NoError(t, err)
	return d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
}

func TestSetupPreparesANamespace(t *testing.T) {
	fresh := unheardOf("fresh")
	code, out, stderr := starterWith(t, only(fresh), "setup")
	require.Zero(t, code, "%s%s", out, stderr)
	require.Equal(t, `created        namespace `+fresh+`: closed cases are kept for 30 days
created        search attribute KycCustomerType: Keyword
created        search attribute KycDeadline: Datetime
created        search attribute KycStage: Keyword
created        search attribute KycWaitingOn: Keyword
`, out)
	require.Equal(t, 30*24*time.Hour, retentionOf(t, fresh))

	// A case can be started with them, and found by them, at once.
	c, err := client.Dial(client.Options{HostPort: one.temporal.Address, Namespace: fresh})
	require.NoError(t, err)
	defer c.Close()
	_, err = cases.Client{Temporal: c}.StartAsync(t.Context(), cases.StartOptions{Reference: "A1",
		CustomerID: "cstap_6reGTr3k8vpAu8uFV7EdiN", Policy: patient()}, converter.GetDefaultDataConverter())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		found, err := c.CountWorkflow(t.Context(),
			&workflowservice.CountWorkflowExecutionsRequest{
				Query: "KycStage = 'identifying' AND KycDeadline > '2026-01-01T00:00:00Z'"})
		require.NoError(t, err)
		return found.GetCount() == 1
	}, 30*time.Second, 50*time.Millisecond)

	code, out, stderr = starterWith(t, only(fresh), "setup", "--retention", "240h")
	require.Zero(t, code, "%s%s", out, stderr)
	require.Equal(t, 5, strings.Count(out, "already there"), out)
	require.Equal(t, 30*24*time.Hour, retentionOf(t, fresh), "it is never shortened")

	code, out, stderr = starterWith(t, only(fresh), "setup", "--retention", "960h")
	require.Zero(t, code, "%s%s", out, stderr)
	require.Contains(t, out, "changed        namespace "+fresh+": closed cases are kept for 40 days now; before it was "+
		"30 days\n")
	require.Equal(t, 40*24*time.Hour, retentionOf(t, fresh))
}

func TestSetupRefusesAnotherType(t *testing.T) {
	taken := unheardOf("taken")
	_, err := one.client.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: taken, WorkflowExecutionRetentionPeriod: durationpb.New(30 * 24 * time.Hour)})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := one.client.OperatorService().AddSearchAttributes(t.Context(),
			&operatorservice.AddSearchAttributesRequest{Namespace: taken,
				SearchAttributes: map[string]enumspb.IndexedValueType{"KycStage": enumspb.INDEXED_VALUE_TYPE_TEXT}})
		return err == nil
	}, 30*time.Second, 100*time.Millisecond)

	code, out, stderr := starterWith(t, only(taken), "setup", "--wait", "30s")
	require.Equal(t, 1, code, "%s%s", out, stderr)
	require.Empty(t, stderr)
	require.Contains(t, out, `NOT DONE       search attribute KycStage: it has type Text, but must have Keyword
               try: temporal operator search-attribute remove --namespace `+taken+` --name KycStage, if nothing else uses it; then run starter setup again
`)
	require.Equal(t, 3, strings.Count(out, "created  "), "the rest is done: %s", out)
}
