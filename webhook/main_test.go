package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the stories below run this program as a command.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"webhook": main}) }

func TestStories(t *testing.T) { testscript.Run(t, testscript.Params{Dir: "testdata"}) }
