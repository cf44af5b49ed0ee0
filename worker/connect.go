package main

import (
	"context"

	"go.temporal.io/sdk/client"

	"durablekyc.example/cases"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/temporalclient"
)

// connect dials Temporal and sees to it that the credentials allow what a
// worker does. carrier is the client that runs workflows, on the same connection.
func connect(ctx context.Context, options temporalclient.Options, keyset encryption.Keyset) (temporal,
	workerClient client.Client, namespace string, err error) {
	running := options
	options.Converters, options.Interceptors = keyset.Converters(), nil
	if temporal, err = temporalclient.Dial(ctx, options); err != nil {
		return nil, nil, "", err
	}
	if err = (cases.Client{Temporal: temporal}).CheckAccess(ctx); err == nil {
		running.Converters = keyset.WorkerConverters()
		workerClient, err = temporalclient.Join(ctx, temporal, running)
	}
	if err == nil {
		_, namespace, err = options.Target()
	}
	if err != nil {
		temporal.Close()
		return nil, nil, "", err
	}
	return temporal, workerClient, namespace, nil
}
