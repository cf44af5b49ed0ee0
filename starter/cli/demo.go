package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"time"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// The two customers that ConnectFi's identification page prints (S).
var pageCustomers = []struct{ reference, customer, who string }{
	{"extRefApp100", "cstap_6reGTr3k8vpAu8uFV7EdiN", "the individual"},
	{"extRefBApp100", "cstab_7BX5DO49J48VeWKsJ6gWNb", "the business"},
}

type demoCommand struct{}

// demoBound is how long the whole walk may take.
const demoBound = 2 * time.Minute

func (demoCommand) Run(a *app) error {
	ctx, cancel := context.WithTimeout(a.ctx, demoBound)
	defer cancel()
	a.ctx = ctx
	undecided := false
	for _, page := range pageCustomers {
		view, err := walk(a, page.reference, page.customer, page.who)
		if err != nil {
			return err
		}
		undecided = undecided || view.Outcome == ""
	}
	if undecided {
		return errors.New("not every case of the demo was decided")
	}
	return nil
}

// walk starts one case and acts as its applicant until it is decided.
func walk(a *app, reference, customer, who string) (kyc.View, error) {
	begin := time.Now()
	step := func(format string, args ...any) {
		a.out.say("%6.1f s  %s  %s", time.Since(begin).Seconds(), reference, fmt.Sprintf(format, args...))
	}
	policy, err := a.policy()
	if err != nil {
		return kyc.View{}, err
	}
	step("starting %s of ConnectFi's page, %s", who, customer)
	view, err := ask(a, func(ctx context.Context, c workflows.Client) (kyc.View, error) {
		return c.Start(ctx, workflows.Order{Reference: reference, CustomerID: customer, Policy: policy})
	})
	told := 0
	for {
		if err != nil {
			return view, about(reference, err)
		}
		for ; told < len(view.Timeline); told++ {
			step("%s", view.Timeline[told])
		}
		if view.Stage.Final() {
			step("ended: %s", view.Headline())
			return view, nil
		}
		entity := ""
		for _, e := range view.Entities {
			if e.Status.WantsDocuments() && !e.Sending {
				entity = e.ID
				break
			}
		}
		if entity != "" {
			step("the applicant sends front and back of a driving licence for %s", entity)
			view, err = send(a, reference, entity, "license", sampleLicence(reference+entity))
			continue
		}
		select {
		case <-a.ctx.Done():
			return view, fmt.Errorf("%s is not decided after %s: it is %s", reference, demoBound, view.Stage)
		case <-time.After(500 * time.Millisecond):
		}
		view, err = ask(a, func(ctx context.Context, c workflows.Client) (kyc.View, error) { return c.Show(ctx, reference) })
	}
}

// sampleLicence draws two small pictures that nobody takes for a real licence.
func sampleLicence(seed string) map[kyc.Side][]byte {
	sides := map[kyc.Side][]byte{}
	for i, side := range []kyc.Side{kyc.Front, kyc.Back} {
		picture := image.NewRGBA(image.Rect(0, 0, 320, 200))
		for y := range 200 {
			for x := range 320 {
				picture.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(80 + 90*i + int(seed[(x/20)%len(seed)])%60), 255})
			}
		}
		var out bytes.Buffer
		if err := png.Encode(&out, picture); err == nil {
			sides[side] = out.Bytes()
		}
	}
	return sides
}
