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
	invalid, isInvalid := errors.AsType[*connectfi.InvalidError](err)
	fmt.Println(isInvalid, len(invalid.Problems))
	// Output:
	// extRefBApp100 pending_step_up
	// customer false: pending_step_up ""
	// customer true: completed "approved"
	// true 2
}

// An error says by ConnectFi's code whether it is worth another attempt, which
// the caller makes: the client makes one.
func ExampleError() {
	answers := map[string]func(http.ResponseWriter){
		"/auth/get-token": func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"code":"0","data":{"token":"T1","dtsExpireAt":"2099-10-07T08:18:57.360Z"}}`)
		},
		"/akepa/status": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"/akepa/identification": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"code":"customerNotFound","message":"Customer not found."}`)
		},
	}
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[r.URL.Path](w)
	}))
	defer provider.Close()
	client, err := connectfi.New(connectfi.Config{BaseURL: provider.URL, Login: "team", Password: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = client.Identify(ctx, connectfi.IdentificationRequest{CustomerID: "cstap_1", Reference: "A1"})
	if failed, ok := errors.AsType[*connectfi.Error](err); ok {
		fmt.Println(failed.Code, failed.HTTPStatus, "worth another attempt:", failed.Temporary())
	}
	_, err = client.Status(ctx, connectfi.StatusRequest{CustomerID: "cstap_1", ApplicationID: "iapp_1"})
	if failed, ok := errors.AsType[*connectfi.Error](err); ok {
		fmt.Println(failed.HTTPStatus, "worth another attempt:", failed.Temporary(), "after", failed.RetryAfter())
	}
	// Output:
	// customerNotFound 400 worth another attempt: false
	// 429 worth another attempt: true after 30s
}
