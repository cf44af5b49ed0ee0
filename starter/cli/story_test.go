package cli_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"durablekyc.example/starter/cli"
)

var update = flag.Bool("update", false, "write the usage text anew")

// TestMain lets the stories run the program as a process of its own, exit code
// and all.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"starter": func() {
		os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv))
	}})
}

// TestStories tells in testdata what needs no Temporal; the stories with one
// are in dev/stack.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true, UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TEMPORAL_CONFIG_FILE", os.DevNull)   // not the developer's own profiles
			if filepath.Base(env.WorkDir) != "script-keys" { // which makes its own
				env.Setenv("KYC_KEYSET", keyset())
			}
			// An image is judged by its pixels, which no script can hold.
			for name, light := range map[string]uint8{"front.png": 255, "dark.png": 25} {
				if _, err := os.Stat(env.Cd + "/" + name); err != nil {
					continue
				}
				if err := os.WriteFile(env.Cd+"/"+name, squares(light), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"refused": refused,
			"private": private,
		},
	})
}

// squares is a sharp image in some light.
func squares(light uint8) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 400, 320))
	for y := range 320 {
		for x := range 400 {
			if c := uint32(x/20*7919+y/20*104729) * 2654435761 >> 31; c == 1 {
				img.Set(x, y, color.RGBA{light, light, light, 255})
			} else {
				img.Set(x, y, color.RGBA{A: 255})
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// refused runs a command that ends with the exit code given and prints nothing to
// standard output.
func refused(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	exit, isExit := errors.AsType[*exec.ExitError](err)
	if !isExit {
		ts.Fatalf("%v was not refused: %v", args[1:], err)
	}
	if want, _ := strconv.Atoi(args[0]); exit.ExitCode() != want {
		ts.Fatalf("%v ended with %d: %s", args[1:], exit.ExitCode(), ts.ReadFile("stderr"))
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("%v printed %q", args[1:], out)
	}
}

// private checks that nobody but the owner can read the files.
func private(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if info.Mode() != 0o600 {
			ts.Fatalf("%s has mode %v", name, info.Mode())
		}
	}
}
