package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	recorded "durablekyc.example/internal/goldens"
	"durablekyc.example/internal/telemetry"
	"durablekyc.example/records/log"
	"durablekyc.example/records/recorder"
	"durablekyc.example/records/store"
	"durablekyc.example/starter/cli"
)

// histories is where the golden cases are.
const histories = "../../workflows/testdata/histories"

// onRecord puts golden cases on record and returns the variables of an operator, and the log's public key.
func onRecord(t *testing.T, references ...string) (variables map[string]string, public string) {
	t.Helper()
	return onRecordFrom(t, 0, references...)
}

// onRecordFrom puts cases on record whose first runs Temporal had forgotten, so many.
func onRecordFrom(t *testing.T, first int, references ...string) (variables map[string]string, public string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(histories, "keyset.json"))
	require.NoError(t, err)
	private, public, err := log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	variables = map[string]string{"KYC_KEYSET": string(text), "KYC_RECORDS": "file://" + t.TempDir(),
		"KYC_RECORDS_KEY": private}
	more(t, variables, first, references...)
	return variables, public
}

// more puts more cases on record.
func more(t *testing.T, variables map[string]string, first int, references ...string) {
	t.Helper()
	cases, keyset := recorded.Cases(t, histories)
	bucket, err := store.Open(t.Context(), variables["KYC_RECORDS"])
	require.NoError(t, err)
	entries, err := log.New(bucket, variables["KYC_RECORDS_KEY"])
	require.NoError(t, err)
	for _, reference := range references {
		i := slices.IndexFunc(cases, func(c recorded.Case) bool { return c.Reference == reference })
		require.GreaterOrEqual(t, i, 0)
		cases[i].Runs = cases[i].Runs[first:]
		r := recorder.Recorder{Maker: recorder.Maker{Keyset: keyset, Release: telemetry.Version},
			Source: recorded.Source{cases[i]}, Bucket: bucket, Log: entries}
		_, err = r.Sweep(t.Context())
		require.NoError(t, err)
	}
	require.NoError(t, bucket.Close())
}

// starterWith runs a command with these variables and no others.
func starterWith(t *testing.T, variables map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), args, nil, &out, &errs, func(name string) (string, bool) {
		value, found := variables[name]
		return value, found
	})
	return code, out.String(), errs.String()
}

// An operator writes the evidence of a case; an auditor, who has nothing but it and the log's public key, verifies it.
func TestEvidenceIsWrittenAndVerified(t *testing.T) {
	variables, public := onRecord(t, "individualdeny", "notified")
	t.Chdir(t.TempDir())
	code, stdout, stderr := starterWith(t, variables, "evidence", "individualdeny")
	require.Zero(t, code, stderr)
	require.Regexp(t, `^individualdeny\.kyc  denied, \d+ bytes; it can decrypt only this record\n$`, stdout)
	require.Equal(t, "starter: next: starter verify --key "+public+" individualdeny.kyc\n", stderr)
	info, err := os.Stat("individualdeny.kyc")
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	require.NoError(t, os.WriteFile("log.pub", []byte(public+"\n"), 0o600))
	for _, key := range []string{public, "log.pub"} {
		code, stdout, stderr = starterWith(t, nil, "verify", "--key", key, "individualdeny.kyc")
		require.Zero(t, code, stderr)
		require.Regexp(t, `^individualdeny.kyc: verified
  case         individualdeny, denied at \S+Z
  whole        verified
  consistent   verified
  re-executed  verified
Verification does not prove that ConnectFi's answers were true: ConnectFi does not sign them.
$`, stdout)
		require.Empty(t, stderr)
	}

	code, _, stderr = starterWith(t, variables, "evidence", "individualdeny")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "cannot write the evidence: open individualdeny.kyc: file exists")
	code, _, stderr = starterWith(t, variables, "evidence", "notified", "--out", "other.kyc")
	require.Zero(t, code, stderr)
	code, stdout, _ = starterWith(t, nil, "--json", "verify", "--key", public, "individualdeny.kyc", "other.kyc")
	require.Zero(t, code)
	for line := range strings.Lines(stdout) {
		var v struct{ File, Verdict string }
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		require.Equal(t, "verified", v.Verdict)
	}
	require.Equal(t, 2, strings.Count(stdout, "\n"))
}

// What is missing of a case is said beside what is verified.
func TestEvidenceOfACaseWhoseFirstRunsAreMissing(t *testing.T) {
	dir := t.TempDir()
	for _, first := range []int{0, 2} {
		variables, public := onRecordFrom(t, first, "carriedover")
		name := filepath.Join(dir, fmt.Sprintf("%d.kyc", first))
		code, _, stderr := starterWith(t, variables, "evidence", "carriedover", "--out", name)
		require.Zero(t, code, stderr)
		code, stdout, stderr := starterWith(t, nil, "verify", "--key", public, name)
		require.Zero(t, code, stderr)
		const says = "Temporal had forgotten its first runs: what is verified begins with run "
		require.Equal(t, first > 0, strings.Contains(stdout, says), stdout)
	}
}

// Exit code 3 is for evidence that does not verify, and 1 for what could not be checked.
func TestWhatDoesNotVerify(t *testing.T) {
	variables, public := onRecord(t, "individualdeny")
	t.Chdir(t.TempDir())
	code, _, stderr := starterWith(t, variables, "evidence", "individualdeny", "--out", "a.kyc")
	require.Zero(t, code, stderr)
	data, err := os.ReadFile("a.kyc")
	require.NoError(t, err)
	at := bytes.Index(data, []byte(`"outcome":"denied"`))
	require.Positive(t, at)
	changed := bytes.Clone(data)
	changed[at+15] ^= 1
	require.NoError(t, os.WriteFile("changed.kyc", changed, 0o600))
	require.NoError(t, os.WriteFile("cut.kyc", data[:len(data)-1], 0o600))
	require.NoError(t, os.Mkdir("dir.kyc", 0o700))

	code, stdout, stderr := starterWith(t, nil, "verify", "--key", public, "a.kyc", "changed.kyc", "cut.kyc")
	require.Equal(t, 3, code)
	require.Contains(t, stdout, "a.kyc: verified\n")
	require.Contains(t, stdout, "changed.kyc: does not verify\n  whole        does not verify: manifest.json, ")
	require.Contains(t, stdout,
		"cut.kyc: does not verify\n  whole        does not verify: policy.json, the file is truncated")
	require.Contains(t, stderr, "starter: 2 of 3 do not verify\ntry: ")

	code, stdout, stderr = starterWith(t, nil, "verify", "--key", public, "none.kyc", "dir.kyc")
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "none.kyc: could not be checked\n  stat none.kyc: no such file or directory\n")
	require.Contains(t, stdout, "dir.kyc: could not be checked\n  is not a regular file\n")
	require.Contains(t, stderr, "2 of 2 could not be checked")

	for _, args := range [][]string{{"verify", "a.kyc"}, {"verify", "--key", public},
		{"verify", "--key", "nonsense", "a.kyc"},
		{"verify", "--key", "a+b+c", "a.kyc"}, {"evidence"}, {"evidence", "a_b"}} {
		code, stdout, stderr = starterWith(t, nil, args...)
		require.Equal(t, 2, code, "%s: %s", args, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "try: starter "+args[0]+" --help")
	}
}

func TestEvidenceNeedsRecords(t *testing.T) {
	variables, _ := onRecord(t, "individualdeny")
	t.Chdir(t.TempDir())
	code, _, stderr := starterWith(t, variables, "evidence", "A1")
	require.Equal(t, 1, code)
	require.Contains(t, stderr,
		"A1 is not on record: the worker records a case in its next sweep after it ends\ntry: starter show A1")
	for name, value := range map[string]string{"KYC_RECORDS": "", "KYC_RECORDS_KEY": "PRIVATE+KEY+nonsense"} {
		wrong := map[string]string{}
		maps.Copy(wrong, variables)
		wrong[name] = value
		code, _, stderr = starterWith(t, wrong, "evidence", "individualdeny")
		require.Equal(t, 1, code)
		require.Contains(t, stderr, name)
		require.NotContains(t, stderr, "nonsense")
	}
	entries, err := filepath.Glob("*")
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestKeysOfALog(t *testing.T) {
	code, stdout, stderr := starterWith(t, nil, "keys", "log", "kyc.example.com/records")
	require.Zero(t, code)
	require.Regexp(t, `^KYC_RECORDS_KEY=PRIVATE\+KEY\+kyc\.example\.com/records\+[0-9a-f]{8}\+\S+\n$`, stdout)
	require.Regexp(t, `verify evidence: kyc\.example\.com/records\+[0-9a-f]{8}\+\S+\n$`, stderr)
	code, _, stderr = starterWith(t, nil, "keys", "log", "a name")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "must not contain spaces")
}

// An operator writes a pack, and an examiner, who has nothing but it and the log's public key, verifies it.
func TestAPackIsWrittenAndVerified(t *testing.T) {
	variables, public := onRecord(t, "individualdeny", "notified", "individualapprove")
	t.Chdir(t.TempDir())
	args := []string{"exam", "--seed", "7", "--sample", "2", "--out", "pack.zip"}
	code, stdout, stderr := starterWith(t, variables, args...)
	require.Zero(t, code, stderr)
	require.Equal(t, "pack.zip  3 records, 3 of them in the period, 2 in the sample\n", stdout)
	require.Contains(t, stderr, "next: starter verify --key "+public+" pack.zip\n")
	code, stdout, stderr = starterWith(t, nil, "verify", "--key", public, "pack.zip")
	require.Zero(t, code, stderr)
	require.Regexp(t, `^pack.zip: verified
  population   verified
               3 records: all that the log has behind its first 0, up to 3
  sample       verified
  evidence/\d.kyc \w+: verified
  evidence/\d.kyc \w+: verified
Verification does not prove`, stdout)

	code, _, stderr = starterWith(t, variables, args...)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "cannot write the pack: open pack.zip: file exists")
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing half done")
	data, err := os.ReadFile("pack.zip")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("cut.zip", data[:len(data)-10], 0o600))
	_, other, err := log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	for key, file := range map[string]string{public: "cut.zip", other: "pack.zip"} {
		code, stdout, _ = starterWith(t, nil, "--json", "verify", "--key", key, file)
		require.Equal(t, 3, code, stdout)
		require.Contains(t, stdout, `"verdict":"does not verify"`)
	}
	for _, wrong := range [][]string{{"--from", "soon"}, {"--from", "2027-01-01", "--to", "2026-01-01"},
		{"--sample", "-1"}} {
		code, _, stderr = starterWith(t, variables, append(args, wrong...)...)
		require.Equal(t, 2, code, stderr)
	}
	code, _, stderr = starterWith(t, variables, append(args, "--from", "2100-01-01")...)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "no pack can be made: no case on record ended in this period")
}

// Evidence that is for somebody opens with that one's identity alone, and never verifies where a byte of it changed.
func TestEvidenceForARecipient(t *testing.T) {
	variables, public := onRecord(t, "individualdeny")
	t.Chdir(t.TempDir())
	to, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("to.txt", []byte("# created now\n"+to.String()+"\n"), 0o600))
	require.NoError(t, os.WriteFile("other.txt", []byte(other.String()), 0o600))
	code, stdout, stderr := starterWith(t, variables, "evidence", "individualdeny", "--to", to.Recipient().String())
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "only its recipient can decrypt it")
	code, stdout, stderr = starterWith(t, nil, "verify", "--key", public, "--identity", "to.txt", "individualdeny.kyc")
	require.Zero(t, code, "%s%s", stdout, stderr)
	require.Contains(t, stdout, "re-executed  verified")
	for identity, says := range map[string]string{"": "key.age, it opens with the identity of its recipient only",
		"other.txt": "key.age, it is encrypted to another recipient"} {
		code, stdout, _ = starterWith(t, nil, "verify", "--key", public, "--identity", identity, "individualdeny.kyc")
		require.Equal(t, 1, code)
		require.Contains(t, stdout, "whole        verified\n  consistent   could not be checked: "+says)
	}

	data, err := os.ReadFile("individualdeny.kyc")
	require.NoError(t, err)
	begins := bytes.Index(data, []byte("age-encryption.org/v1"))
	require.Positive(t, begins)
	length := bytes.IndexByte(data[begins:], 0)
	for at := begins; at < begins+length; at += 7 {
		changed := bytes.Clone(data)
		changed[at] ^= 1
		require.NoError(t, os.WriteFile("changed.kyc", changed, 0o600))
		code, stdout, _ = starterWith(t, nil, "verify", "--key", public, "--identity", "to.txt", "changed.kyc")
		require.NotZero(t, code, "byte %d", at-begins)
		require.Contains(t, stdout, "key.age, ")
	}
	for _, args := range [][]string{{"evidence", "A1", "--to", "age1nonsense"},
		{"verify", "--key", public, "--identity", "individualdeny.kyc", "individualdeny.kyc"},
		{"verify", "--key", public, "--identity", "nowhere", "individualdeny.kyc"}} {
		code, _, stderr = starterWith(t, variables, args...)
		require.Equal(t, 2, code, stderr)
	}
}
