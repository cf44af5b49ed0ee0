// Package embedded is a real Temporal server and its UI inside one process:
// one history shard, nothing to install. It keeps everything in SQLite, or in a
// PostgreSQL that is given.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/temporal"
)

// Options of a server. The zero Options keep everything in memory on free ports.
type Options struct {
	Port     int    // of the frontend; 0 is any free one
	Data     string // directory of SQLite's file; empty keeps it in memory
	Postgres string // URL of databases in its stead, as Postgres describes it

	// Shards of history, 0 is one. Each writes one thing at a time, which suits
	// SQLite; a PostgreSQL gets more done beside each other. Fixed for the life of
	// a database.
	Shards int

	NoEager bool // grants no eager activities, for measurements

	// CacheAttributes is Temporal's default: the search attributes of a namespace are read once a minute. Without it
	// they are read for each row of a list, and new ones can be used at once, as tests of setup do.
	CacheAttributes bool

	LongHistory int // after how many events a workflow is to begin a new one; 0 is Temporal's 4096
}

// place is where the database is; empty is in memory.
func (o Options) place() string {
	if p, err := ParsePostgres(o.Postgres); err == nil {
		return "PostgreSQL at " + p.Address
	}
	return o.Data
}

// Server is a running Temporal.
type Server struct {
	Address string          // host:port of the frontend
	Place   string          // of the database, as in FullError; empty is in memory
	Full    <-chan struct{} // gets a value when the database could not grow
	server  temporal.Server
	store   *store
}

// Start brings a server up and returns once its namespace can be used. Where the
// database has no room the error is a FullError.
func Start(ctx context.Context, o Options) (s *Server, err error) {
	ports, err := FreePorts(10)
	if err != nil {
		return nil, err
	}
	if o.Port == 0 {
		o.Port = ports[8]
	}
	s = &Server{Address: fmt.Sprintf("127.0.0.1:%d", o.Port), Place: o.place()}
	if s.store, err = open(ctx, o); err != nil {
		return nil, WithoutRoom(s.Place, fmt.Errorf("Temporal's database: %w", err))
	}
	watch := newFullWatch(s.Place)
	s.Full = watch.full
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
			s = nil
		}
	}()
	server, err := temporal.NewServer(temporal.WithConfig(configuration(s.store, o, ports)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithLogger(watch), temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(dynamic(o)))
	if err != nil {
		return s, fmt.Errorf("Temporal does not start: %w", err)
	}
	if err := server.Start(); err != nil {
		return s, fmt.Errorf("Temporal does not start: %w", err)
	}
	s.server = server
	return s, s.ready(ctx)
}

func dynamic(o Options) dynamicconfig.StaticClient {
	c := dynamicconfig.StaticClient{
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): []dynamicconfig.ConstrainedValue{
			{Value: !o.CacheAttributes}},
		// Pause is a button of the UI's: what it does to a case is tried here.
		dynamicconfig.WorkflowPauseEnabled.Key(): []dynamicconfig.ConstrainedValue{{Value: true}},
	}
	if o.NoEager {
		c[dynamicconfig.EnableActivityEagerExecution.Key()] = []dynamicconfig.ConstrainedValue{{Value: false}}
	}
	if o.LongHistory > 0 {
		c[dynamicconfig.HistoryCountSuggestContinueAsNew.Key()] = []dynamicconfig.ConstrainedValue{{Value: o.LongHistory}}
	}
	return c
}

// Stop ends the server and waits for it.
func (s *Server) Stop() error {
	var err error
	if s.server != nil {
		err = s.server.Stop()
	}
	return errors.Join(err, s.store.close())
}

// ready waits until the namespace answers and has its search attributes.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: s.Address, Namespace: Namespace})
	if err != nil {
		return err
	}
	defer c.Close()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if err = complete(ctx, c); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("Temporal does not become ready: %w", err)
		case <-s.Full:
			return &FullError{Place: s.Place}
		case <-tick.C:
		}
	}
}

func configuration(s *store, o Options, ports []int) *config.Config {
	port := o.Port
	address := fmt.Sprintf("127.0.0.1:%d", port)
	service := func(grpc, membership int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: grpc, MembershipPort: membership, BindOnLocalHost: true}}
	}
	c := &config.Config{
		Persistence: config.Persistence{DefaultStore: "main", VisibilityStore: "visibility",
			NumHistoryShards: int32(max(o.Shards, 1)),
			DataStores:       map[string]config.DataStore{"main": {SQL: s.main}, "visibility": {SQL: s.visibility}}},
		ClusterMetadata: &cluster.Config{FailoverVersionIncrement: 10, MasterClusterName: "active",
			CurrentClusterName: "active",
			ClusterInformation: map[string]cluster.ClusterInformation{
				"active": {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address}}},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: address},
		Services: map[string]config.Service{
			"frontend": service(port, ports[0]), "history": service(ports[1], ports[2]),
			"matching": service(ports[3], ports[4]), "worker": service(ports[5], ports[6])},
	}
	frontend := c.Services["frontend"]
	frontend.RPC.HTTPPort = ports[9] // results of Nexus operations are delivered there
	c.Services["frontend"] = frontend
	c.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: "127.0.0.1"}
	c.Archival.History.State, c.Archival.Visibility.State = "disabled", "disabled"
	c.NamespaceDefaults.Archival.History.State, c.NamespaceDefaults.Archival.Visibility.State = "disabled", "disabled"
	return c
}

// FreePorts finds ports below 32768: Temporal stores them in 16 bits.
func FreePorts(n int) ([]int, error) {
	var (
		ports []int
		held  []net.Listener
	)
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	for try := 0; len(ports) < n && try < 200; try++ {
		port := 10000 + rand.IntN(22000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		held, ports = append(held, l), append(ports, port)
	}
	if len(ports) < n {
		return nil, errors.New("no free ports below 32768")
	}
	return ports, nil
}
