// Command dev builds the development stack and runs it with the same arguments.
// The stack lives in a module of its own because it brings a whole Temporal
// server. With --temporal a Temporal runs already, and the services alone are built.
package main

import (
	"fmt"
	"os"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev: "+err.Error())
	}
	os.Exit(code)
}
