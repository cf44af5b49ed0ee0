package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// An audit passes only where the database was asked and knows of nothing that is called.
func TestAuditTellsWhatItDidNotCheck(t *testing.T) {
	for _, c := range []struct {
		name, database string
		code           int
		says           string
	}{
		{"clean", database(t, "NeverDeclared"), 0, "audit: no known vulnerability is called\n"},
		{"vulnerable", database(t, "NewBOMEncoder"), 1, "audit: known vulnerabilities are called: see above\n"},
		{"unreachable", "http://127.0.0.1:1", 2,
			"audit: the vulnerability database http://127.0.0.1:1 cannot be reached, so nothing was checked\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			audit := exec.CommandContext(t.Context(), filepath.Join(root, "dev", "audit.sh"))
			audit.Env = append(os.Environ(), "MODULES=dev/release", "VULNDB="+c.database)
			output, err := audit.CombinedOutput()
			require.Equal(t, c.code, audit.ProcessState.ExitCode(), "%v: %s", err, output)
			require.Contains(t, string(output), c.says)
		})
	}
}

// database is one in the form of vuln.go.dev, with one report: of a function that this module may call.
func database(t *testing.T, symbol string) string {
	t.Helper()
	const library, id, when = "github.com/CycloneDX/cyclonedx-go", "GO-2026-0001", "2026-01-31T00:00:00Z"
	directory := t.TempDir()
	write := func(name string, value any) {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(directory, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), text, 0o600))
	}
	type object = map[string]any
	write("index/db.json", object{"modified": when})
	write("index/modules.json", []object{{"path": library, "vulns": []object{{"id": id, "modified": when}}}})
	write("ID/"+id+".json", object{"schema_version": "1.3.1", "id": id, "modified": when,
		"database_specific": object{"url": "https://pkg.go.dev/vuln/" + id}, "affected": []object{{
			"package":            object{"name": library, "ecosystem": "Go"},
			"ranges":             []object{{"type": "SEMVER", "events": []object{{"introduced": "0"}}}},
			"ecosystem_specific": object{"imports": []object{{"path": library, "symbols": []string{symbol}}}},
		}}})
	return "file://" + directory
}
