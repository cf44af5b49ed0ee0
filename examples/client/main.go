// Command client starts a case and prints its stage. TEMPORAL_* and
// KYC_KEYSET are the worker's own.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := start(ctx); err != nil {
		log.Fatal(err)
	}
}

func start(ctx context.Context) error {
	client, err := cases.Dial(ctx, os.LookupEnv)
	if err != nil {
		return err
	}
	defer client.Temporal.Close()
	view, err := client.Start(ctx, cases.StartOptions{
		Reference:  "goclient1", // your own id of the check: the same again is the same case
		CustomerID: "cstap_6reGTr3k8vpAu8uFV7EdiN",
		Policy:     kyc.DefaultPolicy(),
	})
	if err != nil {
		return err
	}
	fmt.Println(view.Reference, view.Stage, view.WaitingOn)
	return nil
}
