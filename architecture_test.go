// Package repository has no code: its tests hold the rules of the whole repository.
package repository

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "durablekyc.example/"

// mayImport lists, for each room, which of our rooms it may import, and why.
var mayImport = map[string]struct {
	rooms []string
	why   string
}{
	"kyc":       {nil, "a case is a value: nothing of the world is in it"},
	"connectfi": {nil, "what ConnectFi says does not depend on what we make of it"},
	"activities": {[]string{"kyc", "connectfi", "internal/docstore", "internal/imagecheck", "internal/delivery"},
		"the one bridge between wire and domain"},
	"workflows": {[]string{"kyc", "activities"}, "activities for typed references only"},
	"cases": {[]string{"workflows", "kyc", "activities", "internal/temporalclient", "internal/config",
		"internal/encryption"},
		"a program that uses cases needs no more than Temporal and a keyset"},
	"cases/replay": {[]string{"workflows"}, "a replay needs histories and this build's workflows"},
	"examples/client": {[]string{"cases", "workflows", "kyc"},
		"a program of somebody else's uses cases and nothing behind them"},
	"examples/nexus":            {[]string{"examples/nexus/onboarding"}, "a caller has nothing of ours but two names"},
	"examples/nexus/onboarding": {nil, "a caller has nothing of ours but two names"},
	"examples/receiver":         {nil, "a receiver needs a library of Standard Webhooks alone"},
	"worker": {[]string{"worker/taskqueue", "records/", "cases", "cases/replay", "workflows", "kyc", "connectfi",
		"internal/"}, "a main only wires"},
	"worker/taskqueue": {[]string{"cases", "cases/replay", "records/", "workflows", "activities", "connectfi",
		"internal/"}, "runs workflows and activities"},
	"webhook": {[]string{"webhook/server", "webhook/gateway", "webhook/page", "webhook/edge", "cases", "records/archive",
		"kyc", "connectfi", "internal/"},
		"a main only wires; it reads the gateway's credentials, the edge's proxies and the folder of the pages"},
	"webhook/page": {nil, "what a page looks like depends on its models alone"},
	"webhook/edge": {[]string{"cases", "workflows", "kyc", "internal/"},
		"what all routes share knows none of them, and cases by one interface"},
	"webhook/callback": {[]string{"webhook/edge", "cases", "workflows", "connectfi", "internal/"},
		"a callback signals a case; it needs nothing of the portal or the gateway"},
	"webhook/portal": {[]string{"webhook/edge", "webhook/page", "cases", "kyc", "internal/"},
		"applicants see cases; nothing of ConnectFi's wire is theirs"},
	"webhook/gateway": {[]string{"webhook/edge", "cases", "workflows", "kyc", "connectfi", "internal/"},
		"ConnectFi's client is there for documents and look-ups of its API, which pass through"},
	"webhook/server": {[]string{"webhook/edge", "webhook/callback", "webhook/portal", "webhook/gateway", "internal/"},
		"it composes the webhook and speaks to nobody itself"},
	"starter": {[]string{"starter/cli", "internal/"}, "a main only wires"},
	"starter/cli": {[]string{"cases", "cases/replay", "records/", "workflows", "kyc", "connectfi", "internal/"},
		"a terminal speaks to cases, and writes and verifies evidence of them"},
	"records/account": {[]string{"records/bundle", "records/facts", "records/histories", "workflows", "kyc"},
		"what a manifest says follows from the parts alone"},
	"records/archive": {[]string{"records/", "cases", "workflows", "kyc"},
		"closed cases are answered for as package cases does while Temporal has them"},
	"records/bundle": {nil, "a bundle opens without Temporal, ConnectFi or the rules of a case"},
	"records/exam": {[]string{"records/", "kyc"},
		"a pack is made of the bucket and the keyset, and checked without either"},
	"records/facts": {[]string{"records/histories", "workflows", "kyc"},
		"the events of a case are what its workflow takes from a history"},
	"records/histories": {[]string{"workflows"}, "whose histories they are shows from the workflow's names"},
	"records/log":       {[]string{"records/store"}, "a log has leaves; what they are of is not its business"},
	"records/recorder": {[]string{"records/"},
		"Temporal and the keyset come as interfaces: a record is the same wherever histories come from"},
	"records/store":     {nil, "a bucket is all that records ask of the world"},
	"records/timestamp": {nil, "a token is checked by itself, and asked for over whatever the caller sends with"},
	"records/verify": {[]string{"records/", "workflows", "kyc"},
		"evidence is checked without network, Temporal or keyset"},
	"sandbox": {[]string{"sandbox/simulator", "internal/"}, "a main only wires"},
	"sandbox/simulator": {[]string{"connectfi", "internal/httpserver"},
		"the stand-in knows ConnectFi's pages and nothing of our cases"},
	"dev": {nil, "the launcher must build before anything else does"},
	"dev/services": {[]string{"sandbox/simulator", "webhook/server", "webhook/gateway", "worker/taskqueue", "records/",
		"cases", "cases/replay", "connectfi", "kyc", "internal/"},
		"production's own services in one process, whoever brings the Temporal"},
	"dev/attach": {[]string{"dev/services", "starter/cli", "cases", "workflows", "internal/"},
		"it brings the services to a Temporal that runs already"},
	"dev/chart":        {nil, "a chart is rendered as Helm would, by whoever has no cluster"},
	"dev/mutate":       {nil, "it builds and runs the tests of others, and links none of them"},
	"dev/release":      {nil, "a release is made of what is built, and is no part of it"},
	"dev/lint":         {nil, "a description is read as a stranger's tools would read it"},
	"dev/lint/queries": {nil, "queries are read by Prometheus' own grammar, in a module that ours does not link"},
	"internal/temporalclient": {[]string{"internal/encryption", "internal/config", "internal/renewal"},
		"what Temporal stores is encrypted; plumbing knows no domain"},
	"internal/docstore": {[]string{"internal/encryption", "internal/imagecheck"},
		"what is kept is checked and encrypted; plumbing knows no domain"},
	"internal/goldens": {[]string{"internal/encryption", "records/histories", "records/recorder"},
		"golden histories are encrypted, and a recorder can read them; tests alone use them"},
	"internal/frontendtest": {nil, "tests alone use it"},
	"internal/certtest":     {nil, "tests alone use it"},
	"internal/tsatest":      {nil, "tests alone use it"},
	"internal/imagecheck":   {nil, "plumbing knows no domain"},
	"internal/config":       {nil, "plumbing knows no domain"},
	"internal/delivery": {[]string{"internal/weburl", "internal/config"},
		"a receiver's URL is sent as browsers would; plumbing knows no domain"},
	"internal/encryption": {nil, "plumbing knows no domain"},
	"internal/linktoken":  {[]string{"internal/config"}, "a weak key is refused; plumbing knows no domain"},
	"internal/renewal":    {nil, "plumbing knows no domain"},
	"internal/httpserver": {[]string{"internal/renewal"}, "plumbing knows no domain"},
	"internal/codecserver": {[]string{"internal/encryption", "internal/weburl"},
		"it decrypts what encryption encrypted, for the origins that weburl reads; plumbing knows no domain"},
	"internal/telemetry": {nil, "plumbing knows no domain"},
	"internal/weburl":    {nil, "plumbing knows no domain"},
}

// onlyStandard lists the rooms without any third-party import.
var onlyStandard = []string{"kyc", "connectfi"}

type source struct {
	path, room string
	file       *ast.File
	set        *token.FileSet
	lines      int
}

// sources parses every Go file of ours, tests left out.
func sources(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata" || path == "dev/stack") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, parser.ParseComments)
		all = append(all, source{path, filepath.ToSlash(filepath.Dir(path)), file, set, strings.Count(string(text), "\n")})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

func TestImportsFollowTheArrows(t *testing.T) {
	rooms := map[string]bool{}
	for _, s := range sources(t) {
		rooms[s.room] = true
		allowed, known := mayImport[s.room]
		require.True(t, known, "%s: a new room needs a line in mayImport, with its reason", s.room)
		for _, spec := range s.file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			ours, isOurs := strings.CutPrefix(path, module)
			if !isOurs {
				require.False(t, s.room == "workflows" && path == "go.temporal.io/sdk/client",
					"%s imports Temporal's client: replayed code asks nobody", s.path)
				if slices.Contains(onlyStandard, s.room) {
					require.NotContains(t, strings.SplitN(path, "/", 2)[0], ".", "%s imports %s: standard library only", s.path, path)
				}
				continue
			}
			require.True(t, slices.ContainsFunc(allowed.rooms, func(r string) bool {
				return ours == r || strings.HasSuffix(r, "/") && strings.HasPrefix(ours, r)
			}), "%s imports %s, but %s", s.path, ours, allowed.why)
		}
	}
	for room := range mayImport {
		if _, err := os.Stat(room); err == nil {
			require.True(t, rooms[room] || room == "dev", "%s is in mayImport and has no code", room)
		}
	}
}

// Only a main may touch the process.
func TestOnlyMainsTouchTheProcess(t *testing.T) {
	forbidden := map[string][]string{
		"os":     {"Exit", "Getenv", "LookupEnv", "Environ", "Setenv", "Args"},
		"log":    {"Fatal", "Fatalf", "Fatalln", "Panic"},
		"signal": {"Notify", "NotifyContext"},
		"slog":   {"SetDefault"},
		"http":   {"DefaultServeMux", "DefaultClient", "ListenAndServe", "HandleFunc", "Handle"},
		"gin":    {"SetMode"},
		"flag":   {"CommandLine", "Parse"},
	}
	for _, s := range sources(t) {
		if s.file.Name.Name == "main" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := selector.X.(*ast.Ident)
			if ok && pkg.Obj == nil && slices.Contains(forbidden[pkg.Name], selector.Sel.Name) {
				t.Errorf("%s uses %s.%s: only mains touch the process", s.set.Position(n.Pos()), pkg.Name, selector.Sel.Name)
			}
			return true
		})
	}
}

func TestFilesStaySmall(t *testing.T) {
	for _, s := range sources(t) {
		require.Less(t, s.lines, 500, "%s wants to be two files", s.path)
		if filepath.Base(s.path) == "main.go" && s.room != "dev" {
			require.LessOrEqual(t, s.lines, 100, "%s: a main only wires", s.path)
		}
	}
}

func TestEveryRoomSaysWhatItIs(t *testing.T) {
	doc := map[string]bool{}
	for _, s := range sources(t) {
		doc[s.room] = doc[s.room] || s.file.Doc != nil
	}
	for room, has := range doc {
		require.True(t, has, "%s has no package comment", room)
	}
}

// A file of ours must make sense on any machine.
func TestNothingOfOneMachine(t *testing.T) {
	for _, s := range sources(t) {
		text, err := os.ReadFile(s.path)
		require.NoError(t, err)
		for _, path := range []string{"/" + "root/", "/" + "home/", "/" + "work/"} {
			require.NotContains(t, string(text), path, s.path)
		}
	}
}
