package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql/driver"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql/session"
	"go.temporal.io/server/common/resolver"
	"go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"
)

// Postgres are Temporal's two databases on a PostgreSQL server.
type Postgres struct {
	Address    string // host:port
	User       string
	Name       string // of the database of histories; that of lists has _visibility behind it
	attributes map[string]string
}

// PostgreSQL cuts names after 63 bytes, and Temporal writes them as they are
// into the address that it connects to.
var postgresName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,52}$`)

// ParsePostgres reads postgres://USER:PASSWORD@HOST:PORT/NAME. A query is
// handed to the driver, sslmode=require for one. Without a password the driver
// looks for one in ~/.pgpass.
func ParsePostgres(text string) (Postgres, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Hostname() == "" || u.User.Username() == "" {
		// What is there in its stead is not repeated: it may be a piece of the password.
		return Postgres{}, errors.New(
			"--postgres wants postgres://USER:PASSWORD@HOST:PORT/NAME, with %-escapes for what is special in a URL")
	}
	p := Postgres{Address: u.Host, User: u.User.Username(), Name: "temporal",
		attributes: map[string]string{"connect_timeout": "10"}}
	if u.Port() == "" {
		p.Address = net.JoinHostPort(u.Hostname(), "5432")
	}
	if len(u.Path) > 1 {
		p.Name = u.Path[1:]
	}
	if !postgresName.MatchString(p.Name) {
		return Postgres{}, errors.New(
			"--postgres wants a name of at most 52 letters, digits, - and _ for the database, behind the host")
	}
	for name, values := range u.Query() {
		p.attributes[name] = values[0]
	}
	// Temporal does not escape a user, and a password in a way that turns a space into a plus; attributes it escapes well.
	p.attributes["user"] = p.User
	if password, has := u.User.Password(); has {
		p.attributes["password"] = password
	}
	return p, nil
}

// PostgresPlugin is that of docker-compose.yml, so that what is tried here runs
// there. The older one, postgres12, has the same schema, but has every statement
// parsed and planned anew: it opened 20 cases in the time that this one opens 29.
const PostgresPlugin = postgresql.PluginNamePGX

// database is what Temporal is told of one.
func (p Postgres) database(name string, connections int) *config.SQL {
	return &config.SQL{PluginName: PostgresPlugin, ConnectProtocol: "tcp", ConnectAddr: p.Address, DatabaseName: name,
		ConnectAttributes: maps.Clone(p.attributes), MaxConns: connections, MaxIdleConns: connections,
		MaxConnLifetime: time.Hour}
}

// openPostgres creates the databases that are missing and brings them to the
// schema of this Temporal, by its own tool.
func openPostgres(ctx context.Context, text string) (*store, error) {
	p, err := ParsePostgres(text)
	if err != nil {
		return nil, err
	}
	// Each of Temporal's four services has a pool of its own, and a PostgreSQL as it is installed 100 connections for
	// everybody.
	s := &store{main: p.database(p.Name, 12), visibility: p.database(p.Name+"_visibility", 4)}
	if err := p.create(s.main, s.visibility); err != nil {
		return nil, err
	}
	if s.close, err = p.hold(ctx, s.main); err != nil {
		return nil, err
	}
	for name, sql := range map[string]*config.SQL{"postgresql/v12/temporal": s.main,
		"postgresql/v12/visibility": s.visibility} {
		if err := p.upgrade(sql, name); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

// create makes the databases that do not exist.
func (p Postgres) create(databases ...*config.SQL) error {
	for _, database := range databases {
		db, err := p.connect(database)
		if code(err) != noDatabase {
			if err != nil {
				return err
			}
			db.Close()
			continue
		}
		// Only the server's own database is sure to be there, and only who creates one needs it.
		neighbour := *database
		if err := sqltool.DoCreateDatabase(&neighbour, "postgres", log.NewNoopLogger()); err != nil {
			return p.explain(err, database.DatabaseName)
		}
	}
	return nil
}

// connect opens a database as Temporal will. Temporal's own handle says no more
// of an error than that there is no connection.
func (p Postgres) connect(database *config.SQL) (*sql.DB, error) {
	s, err := session.NewSession(database, &driver.PGXDriver{}, resolver.NewNoopResolver())
	if err != nil {
		return nil, p.explain(err, database.DatabaseName)
	}
	return s.DB.DB, nil
}

// held is the number of a lock which nothing else in a database of Temporal's
// takes: Temporal takes none.
const held = 0x6b7963

// hold takes the databases for this run, until it ends or dies: another one
// would take this one's hosts off the list.
func (p Postgres) hold(ctx context.Context, database *config.SQL) (release func() error, err error) {
	db, err := p.connect(database)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(0)
	var free bool
	if err := db.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", held).Scan(&free); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if !free {
		return nil, errors.Join(fmt.Errorf("another run uses database %q: end it, or give --postgres another name", p.Name),
			db.Close())
	}
	return db.Close, nil
}

// upgrade brings a database to the newest schema there is: Temporal refuses an
// older one.
func (p Postgres) upgrade(database *config.SQL, schemaName string) error {
	quiet := log.NewNoopLogger()
	db, err := sqltool.NewConnection(database, quiet)
	if err != nil {
		return err
	}
	defer db.Close()
	// 0.0 is only written where no version is recorded yet.
	if err := schema.NewSetupSchemaTask(db, &schema.SetupConfig{InitialVersion: "0.0"}, quiet).Run(); err != nil {
		return p.explain(err, database.DatabaseName)
	}
	return p.explain(schema.NewUpdateSchemaTask(db, &schema.UpdateConfig{SchemaName: schemaName}, quiet).Run(),
		database.DatabaseName)
}

// What PostgreSQL calls what it refuses (appendix A of its manual).
const (
	noDatabase    = "3D000"
	wrongPassword = "28P01"
	wrongUser     = "28000"
	notAllowed    = "42501"
)

func code(err error) string {
	if of, ok := errors.AsType[*pgconn.PgError](err); ok {
		return of.Code
	}
	return ""
}

// explain says what to do about an error of PostgreSQL's. None of them repeats
// a password.
func (p Postgres) explain(err error, database string) error {
	_, isUnreached := errors.AsType[net.Error](err)
	switch {
	case err == nil:
		return nil
	case isUnreached:
		return fmt.Errorf("PostgreSQL does not answer at %s: %w", p.Address, err)
	case code(err) == wrongPassword, code(err) == wrongUser:
		return fmt.Errorf("PostgreSQL at %s does not let user %q in: %w", p.Address, p.User, err)
	case code(err) == notAllowed:
		return fmt.Errorf("user %[1]q may not set up database %[2]q (%[3]w): let an administrator create it, owned by %[1]q",
			p.User, database, err)
	}
	return fmt.Errorf("PostgreSQL at %s, database %q: %w", p.Address, database, err)
}
