package embedded

import (
	"context"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/config"
	schema "go.temporal.io/server/schema/sqlite"

	"durablekyc.example/workflows"
)

// Namespace is the one namespace of the embedded server.
const Namespace = "default"

const retention = 30 * 24 * time.Hour

// createNamespace writes the namespace, unless it is there, so that no service
// of the server has to notice it later. Temporal's function is named after
// SQLite and speaks to whatever the configuration names.
func createNamespace(sql *config.SQL) error {
	namespace, err := schema.NewNamespaceConfig("active", Namespace, false, workflows.SearchAttributes())
	if err != nil {
		return err
	}
	namespace.Detail.Config.Retention.Seconds = int64(retention / time.Second)
	return schema.CreateNamespaces(sql, namespace)
}

// complete adds the search attributes that a namespace lacks which somebody
// else created, or an older build, and tells whether it can be asked by them.
func complete(ctx context.Context, c client.Client) error {
	if _, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: Namespace, SearchAttributes: workflows.SearchAttributes()}); err != nil {
		return err
	}
	for name := range workflows.SearchAttributes() {
		if _, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: Namespace, Query: name +
			" IS NULL"}); err != nil {
			return err
		}
	}
	return nil
}
