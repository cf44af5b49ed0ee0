package main

import (
	"context"

	"go.temporal.io/sdk/client"

	"durablekyc.example/internal/cluster"
	"durablekyc.example/internal/seal"
	"durablekyc.example/workflows"
)

// connect dials Temporal and sees to it that the credentials allow what a
// worker does. carrier is the client that runs workflows, on the same connection.
func connect(ctx context.Context, options cluster.Options, keyset seal.Keyset) (temporal, workerClient client.Client, err error) {
	running := options
	options.Converters, options.Interceptors = keyset.Converters(), nil
	if temporal, err = cluster.Dial(ctx, options); err != nil {
		return nil, nil, err
	}
	if err = (workflows.Client{Temporal: temporal}).CheckAccess(ctx); err == nil {
		running.Converters = keyset.WorkerConverters()
		workerClient, err = cluster.Join(ctx, temporal, running)
	}
	if err != nil {
		temporal.Close()
		return nil, nil, err
	}
	return temporal, workerClient, nil
}
