package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"durablekyc.example/dev/stack/cost"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// paths counts what each way through a case costs. ConnectFi calls back where
// it decides by itself, and not where an answer of its own has told.
func (b *bench) paths(ctx context.Context) (map[string]cost.Cost, error) {
	if err := b.Control(ctx, http.MethodPut, "/sandbox/faults", map[string]any{"drop_callbacks": 1}, nil); err != nil {
		return nil, err
	}
	images, err := b.licence()
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
		if path.scenario == "running" {
			if err := b.Control(ctx, http.MethodPut, "/sandbox/faults", map[string]any{}, nil); err != nil {
				return nil, err
			}
		}
		order := map[string]any{"type": path.kind, "scenario": path.scenario, "count": 1}
		if path.representatives > 0 {
			order["representatives"] = path.representatives
		}
		var made struct{ CustomerIDs []string }
		if err := b.Control(ctx, http.MethodPost, "/sandbox/customers", order, &made); err != nil {
			return nil, err
		}
		reference := fmt.Sprintf("path%d", i)
		if costs[path.name], err = b.path(ctx, reference, made.CustomerIDs[0], images); err != nil {
			return nil, fmt.Errorf("%s: %w", path.name, err)
		}
		if path.scenario == "running" {
			if err := b.Control(ctx, http.MethodPut, "/sandbox/faults", map[string]any{"drop_callbacks": 1}, nil); err != nil {
				return nil, err
			}
		}
	}
	return costs, b.Control(ctx, http.MethodPut, "/sandbox/faults", map[string]any{}, nil)
}

// path drives one case to its end and counts.
func (b *bench) path(ctx context.Context, reference, customer string, images [2]string) (cost.Cost, error) {
	if err := b.ours.start(ctx, reference, customer); err != nil {
		return cost.Cost{}, err
	}
	cases := workflows.Client{Temporal: b.ours.temporal}
	for range 600 {
		v, err := cases.Show(ctx, reference)
		switch {
		case err == nil && v.Stage.Final():
			return cost.Of(ctx, b.ours.temporal, workflows.ID(reference))
		case err == nil && v.Stage == kyc.AwaitingDocuments:
			for _, e := range v.Entities {
				if !e.Status.WantsDocuments() {
					continue
				}
				if code, _, says := b.Starter(ctx, "upload", reference, "--entity", e.ID, "--front", images[0], "--back", images[1]); code != 0 {
					return cost.Cost{}, fmt.Errorf("the images were not taken: %s", says)
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return cost.Cost{}, errNoCase
}

// licence draws both sides of one that is nobody's.
func (b *bench) licence() (images [2]string, err error) {
	for i, side := range []string{"front", "back"} {
		picture, err := docstore.Specimen("bench", side)
		if err != nil {
			return images, err
		}
		images[i] = filepath.Join(b.Temporary, side+".png")
		if err := os.WriteFile(images[i], picture, 0o600); err != nil {
			return images, err
		}
	}
	return images, nil
}
