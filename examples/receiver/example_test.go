package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A receiver takes what is signed with its secret, now, and nothing else.
func Example() {
	verifier, err := standardwebhooks.NewWebhook("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	if err != nil {
		fmt.Println(err)
		return
	}
	post := func(signed, sent string, at time.Time) {
		signature, err := verifier.Sign("evt_1", at, []byte(signed))
		if err != nil {
			fmt.Println(err)
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(sent))
		r.Header.Set("webhook-id", "evt_1")
		r.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
		r.Header.Set("webhook-signature", signature)
		answer := httptest.NewRecorder()
		receiver(verifier)(answer, r)
		fmt.Println(strings.TrimSpace(fmt.Sprint(answer.Code, " ", answer.Body)))
	}
	const approved, denied = `{"type":"case.approved"}`, `{"type":"case.denied"}`
	post(approved, approved, time.Now())
	post(approved, denied, time.Now())                   // changed on its way
	post(approved, approved, time.Now().Add(-time.Hour)) // sent again by somebody who heard it
	// Output:
	// evt_1 {"type":"case.approved"}
	// 204
	// 401 not signed with our secret
	// 401 not signed with our secret
}
