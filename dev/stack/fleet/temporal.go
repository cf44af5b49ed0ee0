package fleet

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"durablekyc.example/dev/stack/embedded"
)

// Temporal is a command line that makes of the program it is part of Temporal's
// own process, which can be killed: a System starts the running program again
// with it.
type Temporal struct {
	Port int    `help:"Of the frontend."`
	Data string `help:"Directory of the database file."`

	NoEager bool `help:"Grants no eager activities."`
	// not for the list of processes: it has a password
	Database string `env:"FLEET_DATABASE" help:"URL of a PostgreSQL; empty is the file."`
}

// shards of a PostgreSQL, whose databases are made anew for every System.
const shards = 16

// Run serves until ctx ends.
func (t Temporal) Run(ctx context.Context) error {
	o := embedded.Options{Port: t.Port, Data: t.Data, Postgres: t.Database, NoEager: t.NoEager,
		CacheAttributes: true}
	if o.Postgres != "" {
		o.Shards = shards
	}
	server, err := embedded.Start(ctx, o)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return server.Stop()
}

// Root is the directory of the services' own module.
func Root() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		text, _ := os.ReadFile(filepath.Join(dir, "go.mod"))
		if strings.HasPrefix(string(text), "module durablekyc.example\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errNoRoot
		}
	}
	return "", err
}
