package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"

	"durablekyc.example/dev/stack/embedded"
)

// Our programs are given no variable they do not read: a misspelt one would be
// ignored without a word.
func TestComposeVariablesAreKnownToOurPrograms(t *testing.T) {
	for name, service := range compose(t).Services {
		program, ours := programs[name]
		if !ours {
			continue
		}
		t.Run(name, func(t *testing.T) {
			known := variables(t, filepath.Join(root, program))
			require.NotEmpty(t, known)
			known = append(known, "GOMEMLIMIT") // read by Go's runtime
			// Read by Temporal's own envconfig, and by gRPC below it.
			if program != "sandbox" {
				known = append(known, "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "GRPC_ENABLE_TXT_SERVICE_CONFIG")
			}
			for variable := range environment(t, service) {
				require.Contains(t, known, strings.TrimSuffix(variable, "_FILE"))
			}
		})
	}
}

// variables lists what the code below a directory takes from the environment:
// by the env tag of a flag, or by a name written out on its own.
func variables(t *testing.T, directory string) []string {
	t.Helper()
	ours := regexp.MustCompile(`^(KYC|CONNECTFI)_[A-Z_]+$`)
	var names []string
	require.NoError(t, filepath.WalkDir(directory+string(filepath.Separator), func(path string, entry fs.DirEntry,
		err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				candidates := strings.Split(reflect.StructTag(text).Get("env"), ",")
				for _, name := range append(candidates, text) {
					if ours.MatchString(name) {
						names = append(names, name)
					}
				}
			}
			return true
		})
		return nil
	}))
	return names
}

// The server's own loader reads the variables compose gives it.
func TestComposeConfiguresTheTemporalServer(t *testing.T) {
	services := compose(t).Services
	temporal, postgres, schema := services["temporal"], environment(t, services["postgres"]), environment(t,
		services["schema"])
	for name, value := range environment(t, temporal) {
		t.Setenv(name, value)
	}
	loaded, err := config.Load(config.WithEmbedded())
	require.NoError(t, err)

	password := postgres["POSTGRES_PASSWORD"]
	require.Equal(t, password, schema["SQL_PASSWORD"])
	for store, database := range map[string]string{
		loaded.Persistence.DefaultStore: "temporal", loaded.Persistence.VisibilityStore: "temporal_visibility",
	} {
		sql := loaded.Persistence.DataStores[store].SQL
		require.Equal(t, embedded.PostgresPlugin, sql.PluginName)
		require.Equal(t, schema["SQL_PLUGIN"], sql.PluginName)
		require.Equal(t, "postgres:5432", sql.ConnectAddr)
		require.Equal(t, schema["SQL_HOST"]+":"+schema["SQL_PORT"], sql.ConnectAddr)
		require.Equal(t, database, sql.DatabaseName)
		require.Equal(t, postgres["POSTGRES_USER"], sql.User)
		require.Equal(t, schema["SQL_USER"], sql.User)
		require.Equal(t, password, sql.Password)
	}
	require.EqualValues(t, 4, loaded.Persistence.NumHistoryShards)
	require.Equal(t, "127.0.0.1", loaded.Global.Membership.BroadcastAddress)
	frontend := loaded.Services["frontend"].RPC
	require.Equal(t, "0.0.0.0", frontend.BindOnIP)
	require.EqualValues(t, 7233, frontend.GRPCPort)
	require.Equal(t, "/deploy/dynamic.yaml", loaded.DynamicConfigClient.Filepath)

	dynamic := dynamicconfig.LoadYamlFile([]byte(text(t, "deploy", "temporal", "dynamic.yaml")))
	require.Empty(t, dynamic.Errors)
	require.Empty(t, dynamic.Warnings, "a misspelt key is only a warning to the server")
}

// Who calls whom, by the names compose gives them.
func TestComposeServicesFindEachOther(t *testing.T) {
	services := compose(t).Services
	address := regexp.MustCompile(`^(?:http://)?([a-z]+):(\d+)$`)
	seen := 0
	for name, service := range services {
		for variable, value := range environment(t, service) {
			parts := address.FindStringSubmatch(value)
			if parts == nil {
				continue
			}
			seen++
			other, found := services[parts[1]]
			require.True(t, found, "%s of %s names %s, which is no service", variable, name, parts[1])
			require.True(t, slices.ContainsFunc(other.Ports, func(p types.ServicePortConfig) bool {
				return strconv.Itoa(int(p.Target)) == parts[2]
			}), "%s of %s: %s does not listen on %s", variable, name, parts[1], parts[2])
			require.True(t, share(service.Networks, other.Networks), "%s cannot reach %s", name, parts[1])
		}
	}
	require.Positive(t, seen)
	require.True(t, share(services["temporal"].Networks, services["postgres"].Networks))
	require.True(t, compose(t).Networks["database"].Internal)
	for name := range programs {
		require.False(t, share(services[name].Networks, services["postgres"].Networks),
			"%s has no business with the database", name)
	}
}

func share(a, b map[string]*types.ServiceNetworkConfig) bool {
	for network := range a {
		if _, both := b[network]; both {
			return true
		}
	}
	return false
}
