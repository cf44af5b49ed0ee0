package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	sqldb "go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/resolver"
	schema "go.temporal.io/server/schema/sqlite"
)

// store is where a server keeps everything: histories, and what lists show.
type store struct {
	main, visibility *config.SQL
	close            func() error
}

// open makes what is missing of a store, up to the namespace, before a server
// looks at it.
func open(ctx context.Context, o Options) (s *store, err error) {
	if o.Postgres != "" {
		s, err = openPostgres(ctx, o.Postgres)
	} else {
		s, err = openSQLite(o.Data)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(forgetMembers(s.main), createNamespace(s.main)); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func openSQLite(dir string) (*store, error) {
	sql := &config.SQL{PluginName: sqlite.PluginName, ConnectAttributes: map[string]string{"mode": "rwc"}}
	s := &store{main: sql, visibility: sql, close: func() error { return nil }}
	if dir == "" { // the plugin writes the schema itself
		sql.ConnectAttributes = map[string]string{"mode": "memory", "cache": "shared"}
		sql.DatabaseName = fmt.Sprintf("durablekyc-%d", rand.Int64())
		return s, nil
	}
	sql.DatabaseName = filepath.Join(dir, "temporal.db")
	if _, err := os.Stat(sql.DatabaseName); errors.Is(err, os.ErrNotExist) {
		return s, schema.SetupSchema(sql)
	}
	return s, nil
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
