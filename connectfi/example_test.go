package connectfi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"durablekyc.example/connectfi"
)

func ExampleClient_Identify() {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/get-token" {
			fmt.Fprint(w, `{"code":"0","data":{"token":"T1","dtsExpireAt":"2099-10-07T08:18:57.360Z"}}`)
			return
		}
		http.ServeFile(w, r, "testdata/identification_business.json")
	}))
	defer provider.Close()

	client, err := connectfi.New(connectfi.Config{BaseURL: provider.URL, Login: "team", Password: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	application, err := client.Identify(ctx, connectfi.IdentificationRequest{
		CustomerID: "cstab_7BX5DO49J48VeWKsJ6gWNb", Reference: "extRefBApp100"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(application.Reference, application.Status)
	for _, e := range application.EntityApplications {
		fmt.Printf("customer %t: %s %q\n", e.IsCustomer, e.Status, e.Outcome)
	}

	// What breaks the documented rules is not sent; all of it is told at once.
	_, err = client.Identify(ctx, connectfi.IdentificationRequest{CustomerID: "a-b", Reference: "UNIQUE_REFERENCE_ID"})
	var invalid *connectfi.InvalidError
	fmt.Println(errors.As(err, &invalid), len(invalid.Problems))
	// Output:
	// extRefBApp100 pending_step_up
	// customer false: pending_step_up ""
	// customer true: completed "approved"
	// true 2
}
