package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"durablekyc.example/cases"
	"durablekyc.example/dev/stack/cost"
	"durablekyc.example/dev/stack/fleet"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// paths counts what each way through a case costs. ConnectFi calls back where
// it decides by itself, and not where an answer of its own has told.
func (b *bench) paths(ctx context.Context) (map[string]cost.Cost, error) {
	images, err := fleet.License(b.Temporary, "bench")
	if err != nil {
		return nil, err
	}
	costs := map[string]cost.Cost{}
	for i, path := range []struct {
		name, kind, scenario string
		representatives      int
	}{
		{name: "straight through", kind: "individual", scenario: "approve"},
		{name: "review", kind: "individual", scenario: "running"},
		{name: "step-up", kind: "individual", scenario: "step_up"},
		{name: "business, 1 stepping up", kind: "business", scenario: "step_up", representatives: 1},
		{name: "business, 3 stepping up", kind: "business", scenario: "step_up", representatives: 3},
		{name: "business, 20 stepping up", kind: "business", scenario: "step_up", representatives: 20},
	} {
		dial := map[string]any{}
		if path.scenario != "running" {
			dial["drop_callbacks"] = 1
		}
		if err := b.Control(ctx, http.MethodPut, "/sandbox/faults", dial, nil); err != nil {
			return nil, err
		}
		made, err := b.Customers(ctx, path.kind, path.scenario, 1, path.representatives)
		if err != nil {
			return nil, err
		}
		if costs[path.name], err = b.path(ctx, fmt.Sprintf("path%d", i), made[0], images); err != nil {
			return nil, fmt.Errorf("%s: %w", path.name, err)
		}
	}
	return costs, b.Control(ctx, http.MethodPut, "/sandbox/faults", map[string]any{}, nil)
}

// path drives one case to its end and counts.
func (b *bench) path(ctx context.Context, reference, customer string, images [2]string) (cost.Cost, error) {
	if err := b.all[0].start(ctx, reference, customer); err != nil {
		return cost.Cost{}, err
	}
	caseClient := cases.Client{Temporal: b.sealed}
	for range 600 {
		v, err := caseClient.Show(ctx, reference)
		switch {
		case err == nil && v.Stage.Final():
			return cost.Of(ctx, b.sealed, workflows.ID(reference))
		case err == nil && v.Stage == kyc.AwaitingDocuments:
			for _, e := range v.Entities {
				if !e.Status.WantsDocuments() {
					continue
				}
				if code, _, says := b.Starter(ctx, "upload", reference, "--entity", e.ID, "--front", images[0], "--back",
					images[1]); code != 0 {
					return cost.Cost{}, fmt.Errorf("the images were not taken: %s", says)
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return cost.Cost{}, errors.New("it has not ended within half a minute")
}
