// Command receiver verifies and prints the notifications that a worker sends
// to it. KYC_NOTIFY_SECRET is the worker's own.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const address = "127.0.0.1:8070"

func main() {
	verifier, err := standardwebhooks.NewWebhook(os.Getenv("KYC_NOTIFY_SECRET"))
	if err != nil {
		log.Fatalf("KYC_NOTIFY_SECRET: %v", err)
	}
	server := &http.Server{Addr: address, Handler: receiver(verifier), ReadHeaderTimeout: 5 * time.Second}
	log.Printf("listening on http://%s", address)
	log.Fatal(server.ListenAndServe())
}

func receiver(verifier *standardwebhooks.Webhook) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil {
			http.Error(w, "body too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err := verifier.Verify(body, r.Header); err != nil { // signature and time
			http.Error(w, "not signed with our secret", http.StatusUnauthorized)
			return
		}
		// A notification can arrive twice: keep the ids, and act on a new one only.
		fmt.Printf("%s %s\n", r.Header.Get("webhook-id"), body)
		w.WriteHeader(http.StatusNoContent)
	}
}
