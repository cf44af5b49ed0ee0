//go:build postgres

package main

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	v12 "go.temporal.io/server/schema/postgresql/v12"
	"go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"

	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/workflows"
)

// TestOnPostgreSQL is what production rests on: the same stories where Temporal
// keeps everything in PostgreSQL. The whole suite runs there by -postgres own.
func TestOnPostgreSQL(t *testing.T) {
	usePostgres(t)
	beside(t, options{work: t.TempDir()})
	t.Run("scenarios", calm.drive)
	t.Run("the starter's stories", TestStories)
	t.Run("a worker that lacks a key", TestAWorkerThatLacksAKeyWaitsForIt)
	t.Run("data across runs", TestDataIsKeptAcrossRuns)
}

// go run ./dev --postgres URL: a second run finds the cases of the first and can
// open them, and the password is written nowhere.
func TestPostgreSQLIsAllItTakesToKeepCases(t *testing.T) {
	usePostgres(t)
	t.Chdir(t.TempDir())
	address := placed(t)
	u, err := url.Parse(address)
	require.NoError(t, err)
	password, _ := u.User.Password()
	require.NotEmpty(t, password)
	for range 2 { // the demo's references are the same: the second run finds its cases decided
		code, err := run(t.Context(), flags{Once: true, Postgres: address})
		require.NoError(t, err)
		require.Zero(t, code)
	}
	require.NoError(t, filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NotContains(t, string(text), password, path)
		return err
	}))
}

// with is another address on the server of the tests.
func with(t *testing.T, address string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	change(u)
	return u.String()
}

// Databases of an older Temporal are brought to the schema of this one, which
// would refuse them.
func TestAnOlderSchemaIsUpgraded(t *testing.T) {
	usePostgres(t)
	address := placed(t)
	p, err := embedded.ParsePostgres(address)
	require.NoError(t, err)
	wanted := map[string]struct{ folder, older, newest string }{
		p.Name:                 {"postgresql/v12/temporal", "1.16", v12.Version},
		p.Name + "_visibility": {"postgresql/v12/visibility", "1.9", v12.VisibilityVersion},
	}
	for name, w := range wanted {
		require.NoError(t, admin(`CREATE DATABASE "`+name+`"`))
		u, err := url.Parse(address)
		require.NoError(t, err)
		password, _ := u.User.Password()
		db, err := sqltool.NewConnection(&config.SQL{PluginName: embedded.PostgresPlugin, ConnectAddr: u.Host,
			User: u.User.Username(), Password: password,
			DatabaseName: name}, log.NewNoopLogger())
		require.NoError(t, err)
		require.NoError(t, schema.NewSetupSchemaTask(db, &schema.SetupConfig{InitialVersion: "0.0"},
			log.NewNoopLogger()).Run())
		require.NoError(t, schema.NewUpdateSchemaTask(db, &schema.UpdateConfig{SchemaName: w.folder, TargetVersion: w.older},
			log.NewNoopLogger()).Run())
		db.Close()
		require.Equal(t, w.older, version(t, address, name))
	}
	beside(t, options{work: t.TempDir(), postgres: address})
	for name, w := range wanted {
		require.Equal(t, w.newest, version(t, address, name))
	}
	begin(t, "upgraded1", customers(t, "individual", "approve", 1)[0], patient())
}

// version is the schema's, of a database on the server of the tests.
func version(t *testing.T, address, database string) (v string) {
	t.Helper()
	db, err := sql.Open("pgx", with(t, address, func(u *url.URL) { u.Path, u.RawQuery = "/"+database, "sslmode=disable" }))
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRow("SELECT curr_version FROM schema_version").Scan(&v))
	return v
}

// A namespace without a search attribute of ours, from an older build, gets it
// before the first case asks for it.
func TestAMissingSearchAttributeIsAdded(t *testing.T) {
	usePostgres(t)
	o := options{work: t.TempDir(), postgres: placed(t)}
	before, err := startSystem(t.Context(), o)
	require.NoError(t, err)
	_, err = before.client.OperatorService().RemoveSearchAttributes(t.Context(),
		&operatorservice.RemoveSearchAttributesRequest{
			Namespace: embedded.Namespace, SearchAttributes: []string{workflows.AttributeStage.GetName()}})
	require.NoError(t, errors.Join(err, before.stop()))
	beside(t, o)
	v := begin(t, "attribute1", customers(t, "individual", "review", 1)[0], patient())
	require.Eventually(t, func() bool {
		code, out, _ := starter(t, "list", "--stage", "in_review")
		return code == 0 && strings.Contains(out, v.Reference)
	}, 20*time.Second, 100*time.Millisecond)
}

// Whoever may not create databases runs on those that an administrator made,
// whatever is in the password.
func TestAnAdministratorMayCreateTheDatabases(t *testing.T) {
	usePostgres(t)
	role, password := "plain_"+rand.Text(), "a b+c/d@e%f'g\\h:i?j#k"
	require.NoError(t, admin(`CREATE ROLE "`+role+`" LOGIN PASSWORD '`+strings.ReplaceAll(password, "'", "''")+`'`))
	t.Cleanup(func() { require.NoError(t, admin(`DROP ROLE "`+role+`"`)) }) // once its databases are gone
	address := placed(t)
	p, err := embedded.ParsePostgres(address)
	require.NoError(t, err)
	o := options{work: t.TempDir(), postgres: with(t, address, func(u *url.URL) {
		u.User = url.UserPassword(role,
			password)
	})}
	_, err = startSystem(t.Context(), o)
	require.ErrorContains(t, err, "let an administrator create it")

	for _, name := range []string{p.Name, p.Name + "_visibility"} {
		require.NoError(t, admin(`CREATE DATABASE "`+name+`"`))
	}
	_, err = startSystem(t.Context(), o)
	require.ErrorContains(t, err, "let an administrator create it, owned by", "another's database cannot be written to")
	for _, name := range []string{p.Name, p.Name + "_visibility"} {
		require.NoError(t, admin(`ALTER DATABASE "`+name+`" OWNER TO "`+role+`"`))
	}
	file := filepath.Join(t.TempDir(), "pgpass")
	require.NoError(t, os.WriteFile(file, []byte("*:*:*:*:"+strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(password)+
		"\n"), 0o600))
	t.Setenv("PGPASSFILE", file)
	o.postgres = with(t, address, func(u *url.URL) { u.User = url.User(role) })
	own, err := startSystem(t.Context(), o)
	require.NoError(t, err, "the password may also be in a file of passwords")
	require.NoError(t, own.stop())
}

func TestWhatIsWrongWithPostgreSQLIsSaidInOneSentence(t *testing.T) {
	usePostgres(t)
	address := placed(t)
	first, err := startSystem(t.Context(), options{work: t.TempDir(), postgres: address})
	require.NoError(t, err)
	defer func() { require.NoError(t, first.stop()) }()
	const password = "hunter2"
	for name, c := range map[string]struct {
		address string
		says    string
	}{
		"nobody listens": {"postgres://kyc:" + password + "@" + freeAddress(t) + "/kyc",
			"does not answer at 127.0.0.1:"},
		"nobody of that name": {"postgres://kyc:" + password + "@host.invalid/kyc",
			"does not answer at host.invalid:5432"},
		"a wrong password": {with(t, address, func(u *url.URL) { u.User = url.UserPassword("kyc", password) }),
			`does not let user "kyc" in`},
		"TLS where there is none": {with(t, address, func(u *url.URL) { u.RawQuery = "sslmode=require" }),
			"server refused TLS connection"},
		"a run at the same time":    {address, "another run uses database"},
		"no URL":                    {"127.0.0.1:5432/" + password, "--postgres wants postgres://"},
		"another scheme":            {"mysql://kyc:" + password + "@127.0.0.1/kyc", "--postgres wants postgres://"},
		"a slash in the password":   {"postgres://kyc:5/" + password + "@127.0.0.1/kyc", "--postgres wants"},
		"a percent in the password": {"postgres://kyc:%" + password + "@127.0.0.1/kyc", "--postgres wants postgres://"},
		"a hash in the password":    {"postgres://kyc:#" + password + "@127.0.0.1/kyc", "--postgres wants postgres://"},
		"nobody":                    {"postgres://127.0.0.1/kyc", "--postgres wants postgres://"},
		"a name too long": {"postgres://kyc:" + password + "@127.0.0.1/" + strings.Repeat("k", 53),
			"--postgres wants a name"},
		"two names": {"postgres://kyc:" + password + "@127.0.0.1/kyc/kyc", "--postgres wants a name"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := startSystem(t.Context(), options{work: t.TempDir(), postgres: c.address})
			require.ErrorContains(t, err, c.says)
			require.Nil(t, s)
			require.NotContains(t, err.Error(), password)
			require.NotContains(t, err.Error(), "\n", "one sentence")
		})
	}
}
