// Command nexus runs a workflow that has a customer checked, in a namespace of its own. TEMPORAL_ADDRESS and
// TEMPORAL_NAMESPACE are its own, too; its arguments are the customer's id and a reference.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"

	"durablekyc.example/examples/nexus/onboarding"
)

const taskQueue = "onboarding"

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: nexus CUSTOMER REFERENCE")
	}
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(onboarding.Onboard)
	if err := w.Start(); err != nil {
		log.Fatal(err)
	}
	defer w.Stop()
	run, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{TaskQueue: taskQueue},
		onboarding.Onboard, onboarding.Customer{ID: os.Args[1], Reference: os.Args[2]})
	if err != nil {
		log.Fatal(err)
	}
	var answer string
	if err := run.Get(context.Background(), &answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}
