// Command queries reads the queries of dashboards and of alert rules by
// Prometheus' own grammar, and says which of them ask for a metric, a label or a
// value that nobody exports. It is in a module of its own, so that its libraries
// are nobody else's.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: queries <metrics.txt> <dashboard.json> <alerts.yaml>")
		os.Exit(2)
	}
	wrong, err := check(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, sentence := range wrong {
		fmt.Println(sentence)
	}
	if len(wrong) > 0 {
		os.Exit(1)
	}
}
