package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/env"
	"durablekyc.example/starter/cli"
)

// nowhere is an environment whose Temporal nobody serves.
var nowhere = map[string]string{"TEMPORAL_ADDRESS": "127.0.0.1:1"}

func run(t *testing.T, vars map[string]string, args ...string) (int, string, string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), args, strings.NewReader(""), &out, &errs, env.Map(vars))
	return code, out.String(), errs.String()
}

func TestWrongUsageIsTwoAndOneSentence(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no command":           {nil, "expected one of"},
		"unknown command":      {[]string{"begin"}, "begin"},
		"no customer":          {[]string{"start", "--reference", "A1"}, "--customer"},
		"malformed reference":  {[]string{"start", "--customer", "cstap_1", "--reference", "UNIQUE_REFERENCE_ID"}, "1 to 32 letters or digits"},
		"malformed customer":   {[]string{"start", "--customer", "a-b", "--reference", "A1"}, "customer id"},
		"malformed show":       {[]string{"show", "a b"}, "1 to 32 letters or digits"},
		"no such stage":        {[]string{"list", "--stage", "done"}, "there is no stage"},
		"image that is absent": {[]string{"upload", "A1", "--front", "nowhere.png"}, "nowhere.png"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := run(t, nowhere, test.args...)
			require.Equal(t, 2, code, errs)
			require.Contains(t, errs, test.says)
		})
	}
}

func TestNoTemporalSaysWhatToDo(t *testing.T) {
	code, out, errs := run(t, nowhere, "show", "A1")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "127.0.0.1:1")
	require.Contains(t, errs, "try: go run ./dev")
	code, _, errs = run(t, nowhere, "--json", "show", "A1")
	require.Equal(t, 1, code)
	var said map[string]string
	require.NoError(t, json.Unmarshal([]byte(errs), &said))
	require.Equal(t, "go run ./dev", said["next"])
}

func TestBadPolicyStartsNothing(t *testing.T) {
	code, _, errs := run(t, map[string]string{"KYC_POLICY": `{"documents":30}`}, "start", "--customer", "cstap_1", "--reference", "A1")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "KYC_POLICY")
}

func TestDevFileIsReadAndSaidSo(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll(".dev", 0o700))
	require.NoError(t, os.WriteFile(cli.DevFile, []byte("TEMPORAL_ADDRESS=127.0.0.1:2\n"), 0o600))
	var out, errs bytes.Buffer
	require.Equal(t, 1, cli.Run(t.Context(), []string{"list"}, nil, &out, &errs, env.Map(nowhere)))
	require.Contains(t, errs.String(), cli.DevFile+" is left out: it is stale")
}

func TestKeysInitWritesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "link_keys"), []byte("kept"), 0o600))
	for range 2 {
		code, _, errs := run(t, nil, "keys", "init", dir)
		require.Zero(t, code, errs)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "link_keys"))
	require.NoError(t, err)
	require.Equal(t, "kept", string(kept))
	for _, name := range []string{"connectfi_login", "connectfi_password"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NotZero(t, info.Size())
	}
}
