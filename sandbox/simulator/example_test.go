package simulator_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"durablekyc.example/connectfi"
	"durablekyc.example/sandbox/simulator"
)

// The page's individual, from identification to its decision.
func ExampleSandbox() {
	sandbox, err := simulator.New(simulator.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(sandbox)
	defer sandbox.Close()
	defer server.Close()

	ctx := context.Background()
	client, err := connectfi.New(connectfi.Config{BaseURL: server.URL, Login: "team", Password: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := client.Identify(ctx, connectfi.IdentificationRequest{CustomerID: simulator.PageIndividual,
		Reference: "extRefApp100"})
	fmt.Println(a.Status, err)

	var license []connectfi.DocumentLink
	for _, side := range []string{"front", "back"} {
		d, err := client.GenerateDocument(ctx, connectfi.GenerateRequest{
			Workflow: "PERSONAL", Name: side, Extension: "png", Type: "license"})
		if err == nil {
			err = client.UploadDocument(ctx, d.ID, side+".png", "image/png", strings.NewReader("an image"))
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		license = append(license, connectfi.DocumentLink{DocumentID: d.ID, Side: side})
	}
	a, err = client.Update(ctx, connectfi.UpdateRequest{
		ApplicationID: a.ApplicationID, CustomerID: a.CustomerID, EntityID: a.CustomerID, Documents: license})
	fmt.Println(a.Status, a.Outcome, err)
	// Output:
	// pending_step_up <nil>
	// completed Approved <nil>
}
