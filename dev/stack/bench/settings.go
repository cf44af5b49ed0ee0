package main

import (
	"time"

	"durablekyc.example/dev/stack/fleet"
)

type settings struct {
	Rounds   int    `default:"12" help:"How many rounds of cases each, ours and the floor's in turns."`
	Cases    int    `default:"150" help:"How many cases are a round."`
	Clients  int    `default:"64" help:"How many cases are under way at once, and how many clients signal."`
	Signals  int    `default:"2000" help:"How many signals are a round of callbacks; 0 leaves them out."`
	Postgres string `placeholder:"URL" help:"Temporal keeps its data in PostgreSQL instead of SQLite in memory: postgres://USER:PASSWORD@HOST:PORT/NAME, where NAME begins the names of the databases that are made."`
	Apart    bool   `help:"Temporal has the first half of the processors for itself and everything else the other, as if on two machines; PostgreSQL is yours to confine."`
	JSON     string `name:"json" default:"bench.json" type:"path" help:"Where the result goes."`
	Work     string `placeholder:"DIR" type:"path" help:"Where logs and data stay; a directory that is removed without it."`

	Temporal fleet.Temporal `cmd:"" hidden:"" help:"Temporal's own process."`
	Floor    floorProcess   `cmd:"" hidden:"" help:"The floor's own process."`
	Measure  struct{}       `cmd:"" default:"1" help:"Ours and the floor in turns."`
	Mixed    mixed          `cmd:"" help:"A wave of cases that nobody waits for, and one a second beside it that somebody does."`
	Scale    scale          `cmd:"" help:"Ever more open cases, and a burst of callbacks at each size."`
}

type scale struct {
	Sizes []int         `default:"1000,10000,100000" help:"How many cases are open at each step; more each time."`
	Rest  time.Duration `default:"20s" help:"How long all sleep before they are looked at."`
}
