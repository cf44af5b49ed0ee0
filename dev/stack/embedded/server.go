// Package embedded is a real Temporal server and its UI inside one process:
// SQLite, one history shard, nothing to install.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	sqldb "go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/resolver"
	schema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"

	"durablekyc.example/workflows"
)

// Namespace is the one namespace of the embedded server.
const Namespace = "default"

const retention = 30 * 24 * time.Hour

// Options of a server. The zero Options keep everything in memory on free ports.
type Options struct {
	Port int    // of the frontend; 0 is any free one
	Data string // directory of the database file; empty keeps it in memory

	LongHistory int // after how many events a workflow is to begin a new one; 0 is Temporal's 4096
}

// Server is a running Temporal.
type Server struct {
	Address string // host:port of the frontend
	server  temporal.Server
}

// Start brings a server up and returns once its namespace can be used.
func Start(ctx context.Context, o Options) (*Server, error) {
	ports, err := freePorts(9)
	if err != nil {
		return nil, err
	}
	if o.Port == 0 {
		o.Port = ports[8]
	}
	sql := database(o.Data)
	if err := prepare(sql, o.Data); err != nil {
		return nil, fmt.Errorf("Temporal's database: %w", err)
	}
	c := configuration(sql, o.Port, ports)
	logger := log.NewNoopLogger()
	server, err := temporal.NewServer(temporal.WithConfig(c), temporal.ForServices(temporal.DefaultServices),
		temporal.WithLogger(logger), temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(dynamic(o)))
	if err != nil {
		return nil, fmt.Errorf("Temporal does not start: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("Temporal does not start: %w", err)
	}
	s := &Server{Address: fmt.Sprintf("127.0.0.1:%d", o.Port), server: server}
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func dynamic(o Options) dynamicconfig.StaticClient {
	c := dynamicconfig.StaticClient{dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): []dynamicconfig.ConstrainedValue{{Value: true}}}
	if o.LongHistory > 0 {
		c[dynamicconfig.HistoryCountSuggestContinueAsNew.Key()] = []dynamicconfig.ConstrainedValue{{Value: o.LongHistory}}
	}
	return c
}

// Stop ends the server and waits for it.
func (s *Server) Stop() error { return s.server.Stop() }

// ready waits until the namespace answers.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: s.Address, Namespace: Namespace})
	if err != nil {
		return err
	}
	defer c.Close()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if _, err = c.CountWorkflow(ctx, countAll); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("Temporal does not become ready: %w", err)
		case <-tick.C:
		}
	}
}

func database(dir string) *config.SQL {
	sql := &config.SQL{PluginName: sqlite.PluginName, ConnectAttributes: map[string]string{"mode": "rwc"}}
	if dir == "" {
		sql.ConnectAttributes = map[string]string{"mode": "memory", "cache": "shared"}
		sql.DatabaseName = fmt.Sprintf("durablekyc-%d", rand.Int64())
	} else {
		sql.DatabaseName = filepath.Join(dir, "temporal.db")
	}
	return sql
}

// prepare writes the schema, the namespace and its search attributes before
// the server looks at them.
func prepare(sql *config.SQL, dir string) error {
	if dir != "" {
		if _, err := os.Stat(sql.DatabaseName); errors.Is(err, os.ErrNotExist) {
			err = schema.SetupSchema(sql)
			if err != nil {
				return err
			}
		} else if err := forgetMembers(sql); err != nil {
			return err
		}
	}
	namespace, err := schema.NewNamespaceConfig("active", Namespace, false, map[string]enumspb.IndexedValueType{
		workflows.AttributeStage.GetName():        workflows.AttributeStage.GetValueType(),
		workflows.AttributeWaitingOn.GetName():    workflows.AttributeWaitingOn.GetValueType(),
		workflows.AttributeCustomerType.GetName(): workflows.AttributeCustomerType.GetValueType(),
		workflows.AttributeDeadline.GetName():     workflows.AttributeDeadline.GetValueType(),
	})
	if err != nil {
		return err
	}
	namespace.Detail.Config.Retention.Seconds = int64(retention / time.Second)
	return schema.CreateNamespaces(sql, namespace)
}

// forgetMembers takes the hosts of an earlier run off the list. A new one would
// give them half of all task queues until it has noticed, a minute later, that
// they do not answer.
func forgetMembers(sql *config.SQL) error {
	db, err := sqldb.NewSQLAdminDB(sqlplugin.DbKindMain, sql, resolver.NewNoopResolver(), log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		return err
	}
	return errors.Join(db.Exec("DELETE FROM cluster_membership"), db.Close())
}

func configuration(sql *config.SQL, port int, ports []int) *config.Config {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	service := func(grpc, membership int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: grpc, MembershipPort: membership, BindOnLocalHost: true}}
	}
	c := &config.Config{
		Persistence: config.Persistence{DefaultStore: sqlite.PluginName, VisibilityStore: sqlite.PluginName, NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{sqlite.PluginName: {SQL: sql}}},
		ClusterMetadata: &cluster.Config{FailoverVersionIncrement: 10, MasterClusterName: "active", CurrentClusterName: "active",
			ClusterInformation: map[string]cluster.ClusterInformation{
				"active": {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address}}},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: address},
		Services: map[string]config.Service{
			"frontend": service(port, ports[0]), "history": service(ports[1], ports[2]),
			"matching": service(ports[3], ports[4]), "worker": service(ports[5], ports[6])},
	}
	c.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: "127.0.0.1"}
	c.Archival.History.State, c.Archival.Visibility.State = "disabled", "disabled"
	c.NamespaceDefaults.Archival.History.State, c.NamespaceDefaults.Archival.Visibility.State = "disabled", "disabled"
	return c
}

// freePorts finds ports below 32768: Temporal stores them in 16 bits.
func freePorts(n int) ([]int, error) {
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
