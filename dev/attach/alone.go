package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"durablekyc.example/workflows"
)

var noLog = slog.New(slog.DiscardHandler)

// checkAlone refuses a namespace in which somebody else's worker takes cases: this one has another keyset, and would
// stop their workflow tasks until it is gone. One that ran from this directory had this keyset. Temporal remembers a
// worker for some minutes after it is gone. A namespace that is not there yet has none.
func checkAlone(ctx context.Context, c client.Client, namespace, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "keyset")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	d, err := c.DescribeTaskQueue(ctx, workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.GetPollers()) > 0 {
		return fmt.Errorf("a worker takes the cases of the namespace %s already: choose another with "+
			"TEMPORAL_NAMESPACE=kyctrial", namespace)
	}
	return nil // what else is wrong, setup says
}
