package main

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that Temporal connects with
	"github.com/stretchr/testify/require"
)

// onPostgres runs every test on PostgreSQL: go test ./dev/stack -postgres own.
var onPostgres = flag.String("postgres", "",
	"run every test on this PostgreSQL, in databases that are dropped again: a URL, or own for one that is started here")

// where is the PostgreSQL that systems are on; empty is SQLite.
var where string

// place is where a system keeps what Temporal keeps: databases of its own on
// PostgreSQL, or SQLite in memory.
func place() (address string, drop func()) {
	if where == "" {
		return "", func() {}
	}
	u, err := url.Parse(where)
	if err != nil {
		panic(err)
	}
	u.Path = "/kyc_test_" + rand.Text()
	return u.String(), func() {
		for _, name := range []string{u.Path[1:], u.Path[1:] + "_visibility"} {
			if err := admin("DROP DATABASE IF EXISTS \"" + name + "\" WITH (FORCE)"); err != nil {
				fmt.Println(err)
			}
		}
	}
}

// placed is place, until the test ends.
func placed(t *testing.T) string {
	address, drop := place()
	t.Cleanup(drop)
	return address
}

// usePostgres puts the systems that this test starts on PostgreSQL.
func usePostgres(t *testing.T) {
	t.Helper()
	before := where
	t.Cleanup(func() { where = before })
	var err error
	where, err = postgresURL()
	require.NoError(t, err)
}

// admin does something on the server as whoever may do everything there.
func admin(statements ...string) error {
	u, err := url.Parse(where)
	if err != nil {
		return err
	}
	u.Path = "/postgres"
	if q := u.Query(); !q.Has("sslmode") {
		q.Set("sslmode", "disable") // as with Temporal
		u.RawQuery = q.Encode()
	}
	return execute(u.String(), statements...)
}

func execute(address string, statements ...string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, err = db.Exec(s); err != nil {
			break
		}
	}
	return errors.Join(err, db.Close())
}

// postgresURL is the server that -postgres names, or one of our own.
func postgresURL() (string, error) {
	if *onPostgres != "" && *onPostgres != "own" {
		return *onPostgres, nil
	}
	return ownPostgres()
}

// rows adds what lies in every table of a system's databases.
func rows(t *testing.T, address string, places map[string][]byte) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	for _, name := range []string{u.Path, u.Path + "_visibility"} {
		u.Path, u.RawQuery = name, "sslmode=disable"
		db, err := sql.Open("pgx", u.String())
		require.NoError(t, err)
		defer db.Close()
		for _, table := range strings.Fields(
			string(read(t, db, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))) {
			places["temporal.db "+name[1:]+"."+table] = read(t, db, `SELECT * FROM "`+table+`"`)
		}
	}
}

// read is every value that a query finds, each on a line.
func read(t *testing.T, db *sql.DB, query string) (all []byte) {
	t.Helper()
	found, err := db.Query(query)
	require.NoError(t, err)
	defer found.Close()
	columns, err := found.Columns()
	require.NoError(t, err)
	values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for found.Next() {
		require.NoError(t, found.Scan(into...))
		for _, v := range values {
			all = append(append(all, v...), '\n')
		}
	}
	require.NoError(t, found.Err())
	return all
}
