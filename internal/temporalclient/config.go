package temporalclient

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"durablekyc.example/internal/config"
)

// profile reads the variables and profiles that Temporal's own tools use, and
// refuses what the SDK would pass over: envconfig takes TEMPORAL_TLS=yes for
// unset, and the connection would be plaintext.
func (o Options) profile() (envconfig.ClientConfigProfile, error) {
	lookup := variables{o}
	for _, name := range []string{"TEMPORAL_TLS", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"} {
		switch value, _ := lookup.LookupEnv(name); strings.ToLower(value) {
		case "", "1", "0", "true", "false":
		default:
			return envconfig.ClientConfigProfile{}, fmt.Errorf("%s must be true or false", name)
		}
	}
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{EnvLookup: lookup})
	if err != nil {
		return profile, fmt.Errorf("invalid Temporal configuration: %w", err)
	}
	if o.Address != "" {
		profile.Address = o.Address
	}
	if o.Namespace != "" {
		profile.Namespace = o.Namespace
	}
	if profile.Address == "" {
		profile.Address = client.DefaultHostPort
	}
	if err := checkAddress(profile.Address); err != nil {
		return profile, fmt.Errorf("TEMPORAL_ADDRESS (or the address of the Temporal profile) %w", err)
	}
	return profile, nil
}

// checkAddress refuses what people write in place of host:port. The text is
// not repeated: it may hold a password.
func checkAddress(address string) error {
	address = strings.TrimPrefix(address, "dns:///") // gRPC's own name of a resolver
	host, port, err := net.SplitHostPort(address)
	switch {
	case strings.ContainsAny(address, " \t\r\n"):
		return errors.New("contains a space: it must be host:port, such as temporal.example:7233")
	case strings.ContainsAny(address, `"'`):
		return errors.New("has quotes around it: remove them")
	case strings.Contains(address, "://"):
		return errors.New("starts with a scheme: remove it; TEMPORAL_TLS=true turns on TLS")
	case strings.Contains(address, "/"):
		return errors.New("contains a slash: it must be host:port, such as temporal.example:7233")
	case err != nil || host == "" || port == "":
		return errors.New("lacks its host or its port: it must be host:port, such as temporal.example:7233")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return errors.New("has a port that is not a number from 1 to 65535")
	}
	return nil
}

// variables gives envconfig what it was handed, never the process' own. A
// variable that is set to nothing is not set.
type variables struct{ options Options }

func (v variables) LookupEnv(name string) (string, bool) {
	if v.options.Lookup == nil {
		return "", false
	}
	return config.NonEmpty(v.options.Lookup)(name)
}

func (v variables) Environ() []string {
	if v.options.Environ == nil {
		return nil
	}
	return v.options.Environ()
}
