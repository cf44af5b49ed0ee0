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
		return s, createSQLite(sql.DatabaseName)
	}
	return s, nil
}

// createSQLite makes a database with its schema, all or nothing: what a full disk
// breaks off would be taken for a whole database by the next start.
func createSQLite(path string) error {
	left, err := filepath.Glob(path + ".new-*") // of runs that were killed
	for _, folder := range left {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	folder, made := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err = errors.Join(err, made); err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	unfinished := filepath.Join(folder, filepath.Base(path))
	sql := &config.SQL{PluginName: sqlite.PluginName, ConnectAttributes: map[string]string{"mode": "rwc"},
		DatabaseName: unfinished}
	if err := schema.SetupSchema(sql); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

// forgetMembers takes the hosts of an earlier run off the list. A new one would
// give them half of all task queues until it has noticed, a minute later, that
// they do not answer.
func forgetMembers(sql *config.SQL) error {
	db, err := sqldb.NewSQLAdminDB(sqlplugin.DbKindMain, sql, resolver.NewNoopResolver(), log.NewNoopLogger(),
		metrics.NoopMetricsHandler)
	if err != nil {
		return err
	}
	return errors.Join(db.Exec("DELETE FROM cluster_membership"), db.Close())
}
