package main

import (
	"context"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"

	"durablekyc.example/internal/httpserver"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/sandbox/simulator"
)

type settings struct {
	Listen   string        `env:"KYC_LISTEN" default:"127.0.0.1:8090" help:"Address."`
	Login    string        `env:"CONNECTFI_LOGIN" placeholder:"NAME" help:"Login accepted by get-token."`
	Password string        `env:"CONNECTFI_PASSWORD" placeholder:"SECRET" help:"Password accepted by get-token."`
	Seed     uint64        `help:"Random seed for fault injection."`
	Delay    time.Duration `default:"2s" help:"Delay before each automatic status change."`
	Log      string        `env:"KYC_LOG" enum:"text,json" default:"text" help:"text or json."`

	Check   bool             `help:"Probe the running sandbox and exit."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

// run serves until a signal stops it.
func run(s settings) error {
	ctx, stop := signal.NotifyContext(context.Background(), httpserver.StopSignals()...)
	defer stop()
	httpserver.IgnoreBrokenPipes()
	if s.Check {
		return httpserver.Check(ctx, httpserver.LocalURL(s.Listen, "/healthz"))
	}
	if err := httpserver.Missing(httpserver.Variable{Name: "CONNECTFI_LOGIN", Value: s.Login},
		httpserver.Variable{Name: "CONNECTFI_PASSWORD", Value: s.Password}); err != nil {
		return err
	}
	log := telemetry.Logger(os.Stderr, s.Log)
	sandbox, err := simulator.New(simulator.Config{Login: s.Login, Password: s.Password, Seed: s.Seed, Delay: s.Delay,
		Logger: log})
	if err != nil {
		return err
	}
	listener, err := httpserver.Listen(s.Listen)
	if err != nil {
		return err
	}
	log.Info("sandbox started", "address", listener.Addr().String())
	return sandbox.Serve(ctx, listener)
}
