package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc/codes"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/starter/cli"
	"durablekyc.example/workflows"
)

func TestAWaveIsStarted(t *testing.T) {
	r := registered(t)
	r.notifyTo = "http://127.0.0.1:1"
	file := r.write(t, "wave.csv",
		"\xef\xbb\xbfcustomerId,reference,syncMode\r\ncstap_1,A1,\r\ncstab_2,A2,TRUE\r\ncstap_1,A1,\r\n")
	code, out, errs := r.run(t.Context(), "", file, "--parallel", "1")
	require.Zero(t, code, errs)
	require.Empty(t, errs)
	require.Equal(t, "3 lines: 2 started, 1 found; details in "+file+".results.ndjson\n", out)
	text, err := os.ReadFile(file + ".results.ndjson")
	require.NoError(t, err)
	require.Equal(t, `{"line":2,"reference":"A1","customerId":"cstap_1","result":"started"}
{"line":3,"reference":"A2","customerId":"cstab_2","result":"started"}
{"line":4,"reference":"A1","customerId":"cstap_1","result":"found"}
`, string(text))
	info, err := os.Stat(file + ".results.ndjson")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	require.Equal(t, []string{"kyc-A1", "kyc-A2"}, r.order)
	require.Equal(t, "KYC", r.last.GetWorkflowType().GetName())
	var in workflows.Input
	require.NoError(t, sealed("kyc-A2").FromPayloads(r.cases["kyc-A2"], &in))
	require.Equal(t, "cstab_2", in.CustomerID)
	require.True(t, *in.SyncMode)
	require.True(t, in.Notify)
	require.Equal(t, 48*time.Hour, time.Duration(in.Policy.Documents))
}

// Files that users sent, as spreadsheets had saved them: one case each.
func TestSheetsAsUsersSendThemAreStarted(t *testing.T) {
	sheets, err := filepath.Glob("testdata/sheets/*.csv")
	require.NoError(t, err)
	require.Len(t, sheets, 4)
	for _, sheet := range sheets {
		t.Run(filepath.Base(sheet), func(t *testing.T) {
			text, err := os.ReadFile(sheet)
			require.NoError(t, err)
			r := registered(t)
			code, out, errs := r.run(t.Context(), "", r.write(t, "wave.csv", string(text)))
			require.Zero(t, code, errs)
			require.Contains(t, out, "1 lines: 1 started, 0 found")
			require.Equal(t, []string{"kyc-CSVC"}, r.order)
			var in workflows.Input
			require.NoError(t, sealed("kyc-CSVC").FromPayloads(r.cases["kyc-CSVC"], &in))
			require.Equal(t, "cstap_5lJ90PpXoXplvyosasDpn3", in.CustomerID)
		})
	}
}

func TestAReferenceOfSomebodyElseIsAConflict(t *testing.T) {
	r := registered(t)
	file := r.write(t, "wave.ndjson", `{"customerId":"cstap_1","reference":"A1"}`+"\n"+
		`{"customerId":"cstap_2","reference":"A2"}`+"\n")
	code, _, errs := r.run(t.Context(), "", file)
	require.Zero(t, code, errs)
	other := r.write(t, "other.ndjson", `{"customerId":"cstap_1","reference":"A1"}`+"\n"+
		`{"customerId":"cstap_3","reference":"A2"}`+"\n")
	for range 2 { // nothing to remember about it: it is asked again
		code, out, errs := r.run(t.Context(), "", other, "--json")
		require.Equal(t, 1, code)
		var told map[string]any
		require.NoError(t, json.Unmarshal([]byte(out), &told))
		require.InDelta(t, 1, told["conflict"], 0)
		require.Equal(t, `{"error":"1 of 2 references are already used for other customers: use a new reference for every check",`+
			`"next":"grep conflict `+other+`.results.ndjson"}`+"\n", errs)
	}
	require.Equal(t, []outcome{{1, "A1", "cstap_1", "found", ""}, {2, "A2", "cstap_3", "conflict",
		"the reference belongs to another customer"},
		{2, "A2", "cstap_3", "conflict", "the reference belongs to another customer"}},
		r.results(t, "other.ndjson.results.ndjson"))
	require.Len(t, r.cases, 2)
}

// A case that was ended in Temporal is not found: each run says so again.
func TestACaseThatWasEndedInTemporalIsNotThrough(t *testing.T) {
	r := registered(t)
	file := r.write(t, "wave.ndjson", `{"customerId":"cstap_1","reference":"A1"}`+"\n")
	code, _, errs := r.run(t.Context(), "", file)
	require.Zero(t, code, errs)
	r.ended = map[string]bool{"kyc-A1": true}
	require.NoError(t, os.Remove(file+".results.ndjson"))
	for range 2 {
		code, out, errs := r.run(t.Context(), "", file)
		require.Equal(t, 1, code)
		require.Contains(t, out, "1 lines: 0 started, 0 found, 1 ended in Temporal;")
		require.Contains(t, errs, "1 of 1 references belong to cases that were ended in Temporal")
	}
}

// Whatever a killed run has left of its last line, the next one goes on behind
// the whole ones.
func TestAKilledRunIsGoneOnWith(t *testing.T) {
	const (
		head   = "customerId,reference\n"
		before = `{"line":2,"reference":"A1","customerId":"cstap_1","result":"started"}` + "\n" +
			`{"line":3,"reference":"A2","customerId":"cstap_2","result":"failed","error":"no"}` + "\n" +
			`{"line":9,"reference":"A9","customerId":"cstap_9","result":"started"}` + "\n" // taken out of the file since
		torn = `{"line":4,"reference":"A3","customerId":"cstap_3","result":"started"}`
	)
	for n := 0; n <= len(torn); n += 23 {
		r := registered(t)
		file := r.write(t, "wave.csv", head+"cstap_1,A1\ncstap_2,A2\ncstap_3,A3\n")
		r.write(t, "wave.csv.results.ndjson", before+torn[:n])
		code, out, errs := r.run(t.Context(), "", file, "--parallel", "1")
		require.Zero(t, code, errs)
		require.Equal(t, "3 lines: 2 started, 0 found, 1 done before; details in "+file+".results.ndjson\n", out)
		require.Equal(t, []string{"kyc-A2", "kyc-A3"}, r.order)
		text, err := os.ReadFile(file + ".results.ndjson")
		require.NoError(t, err)
		require.Equal(t, before+`{"line":3,"reference":"A2","customerId":"cstap_2","result":"started"}`+"\n"+torn+"\n",
			string(text))

		r.write(t, "wave.csv", head+"cstap_3,A3\ncstap_4,A1\n") // moved, and another customer
		code, out, _ = r.run(t.Context(), "", file)
		require.Zero(t, code)
		require.Contains(t, out, "2 lines: 1 started, 0 found, 1 done before;")
		require.Equal(t, "kyc-A1", r.order[2])
	}
}

// What is no result file stays as it is, whatever it looks like.
func TestOnlyAResultFileIsAddedTo(t *testing.T) {
	r := registered(t)
	file := r.write(t, "wave.ndjson", `{"customerId":"cstap_1","reference":"A1"}`)
	for name, test := range map[string]struct{ text, says string }{
		"notes":         {"hello", "line 1 of NAME is not a batch result; refusing to append"},
		"lines":         {"hello\nworld\n", "line 1 of NAME is not a batch result"},
		"customers":     {`{"customerId":"cstap_1","reference":"A1"}` + "\n", "line 1 of NAME is not a batch result"},
		"events":        {`{"line":1,"result":"started","what":"else"}` + "\n", "line 1 of NAME is not a batch result"},
		"one long line": {`{"line":1` + strings.Repeat(" ", 1<<17), "line 1 of NAME is not a batch result"},
		"a line in it": {`{"line":1,"reference":"A1","customerId":"cstap_1","result":"started"}` + "\n\n",
			"line 2 of NAME is not a batch result"},
		"the file itself": {"", "wave.ndjson is the input file: use another file for the results"},
		"a directory":     {"", "is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			results := r.path("results")
			switch name {
			case "the file itself":
				results = file
			case "a directory":
				results = r.dir
			default:
				r.write(t, "results", test.text)
			}
			code, out, errs := r.run(t.Context(), "", file, "--results", results)
			require.Equal(t, 2, code)
			require.Empty(t, out)
			require.Contains(t, errs, strings.ReplaceAll(test.says, "NAME", results))
			require.Contains(t, errs, "try: starter batch "+file+" --results ANOTHER\n")
			if test.text != "" {
				text, err := os.ReadFile(results)
				require.NoError(t, err)
				require.Equal(t, test.text, string(text))
			}
		})
	}
	require.Empty(t, r.order)
}

func TestWhatIsWrongStartsNothing(t *testing.T) {
	r := registered(t)
	file := r.write(t, "wave.csv", "customerId,reference\ncstap_1,A1\ncstap_2,a_b\ncstap_3,A1\n")
	code, out, errs := r.run(t.Context(), "", file)
	require.Equal(t, 2, code)
	require.Empty(t, out)
	require.Equal(t, "starter: line 3: the reference must be 1 to 32 letters or digits (no underscore, hyphen or space)\n"+
		"starter: line 4: duplicate reference: line 2 has it for another customer\n"+
		"starter: 2 of the 3 lines of "+file+" are invalid, no case was started\ntry: starter batch --help\n", errs)
	code, out, errs = r.run(t.Context(), "", file, "--json")
	require.Equal(t, 2, code)
	require.Empty(t, out)
	require.Equal(t, `{"error":"2 of the 3 lines of `+file+
		` are invalid, no case was started","details":["line 3: the reference must be 1 to 32 letters or digits (no `+
		`underscore, hyphen or space)",`+
		`"line 4: duplicate reference: line 2 has it for another customer"],"next":"starter batch --help"}`+"\n", errs)
	require.Empty(t, r.order)
	require.NoFileExists(t, file+".results.ndjson")
}

func TestAPipeIsCheckedAsWell(t *testing.T) {
	r := registered(t)
	t.Setenv("TMPDIR", t.TempDir())
	results := r.path("results")
	args := []string{"-", "--format", "ndjson", "--results", results}
	code, _, errs := r.run(t.Context(), `{"customerId":"cstap_1","reference":"A1"}`+"\n{}\n", args...)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "1 of the 2 lines of standard input are invalid, no case was started")
	require.Empty(t, r.order)

	code, out, errs := r.run(t.Context(), `{"customerId":"cstap_1","reference":"A1"}`, args...)
	require.Zero(t, code, errs)
	require.Equal(t, "1 lines: 1 started, 0 found; details in "+results+"\n", out)

	// So is one that has a name, as shells give it.
	pipe, in, err := os.Pipe()
	require.NoError(t, err)
	defer pipe.Close()
	_, err = in.WriteString(`{"customerId":"cstap_2","reference":"A2"}`)
	require.NoError(t, errors.Join(err, in.Close()))
	args[0] = fmt.Sprintf("/dev/fd/%d", pipe.Fd())
	code, out, errs = r.run(t.Context(), "", args...)
	require.Zero(t, code, errs)
	require.Equal(t, "1 lines: 1 started, 0 found; details in "+results+"\n", out)

	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
}

// A terminal that nobody types at can be stopped, too.
func TestAStopDoesNotWaitForAPipe(t *testing.T) {
	r := registered(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pipe, end := io.Pipe()
	defer end.Close()
	var out, errs bytes.Buffer
	code := cli.Run(ctx, []string{"batch", "-", "--format", "csv", "--results", r.path("results")}, pipe, &out, &errs,
		func(name string) (string, bool) { return "", false })
	require.Equal(t, 1, code)
	require.Equal(t, "starter: interrupted before any case was started\ntry: starter batch - --format csv --results "+
		r.path("results")+"\n", errs.String())
}

func TestAStoppedRunSaysHowToGoOn(t *testing.T) {
	r := registered(t)
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, "{\"customerId\":\"cstap_1\",\"reference\":\"A%d\"}\n", i)
	}
	file := r.write(t, "wave.jsonl", text.String())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.onStart = func(n int) {
		if n == 10 {
			cancel()
		}
	}
	code, out, errs := r.run(ctx, "", file, "--json")
	require.Equal(t, 1, code)
	var told struct{ Lines, Started, Left int }
	require.NoError(t, json.Unmarshal([]byte(out), &told))
	require.GreaterOrEqual(t, told.Started, 10)
	require.Positive(t, told.Left)
	require.Equal(t, 40, told.Started+told.Left)
	require.Len(t, r.order, told.Started, "every one that was begun is heard of")
	require.Len(t, r.results(t, "wave.jsonl.results.ndjson"), told.Started)
	require.Equal(t, fmt.Sprintf(`{"error":"interrupted with %d of 40 lines left; rerun to continue",`+
		`"next":"starter batch %s"}`+"\n", told.Left, file), errs)

	code, out, errs = r.run(t.Context(), "", file)
	require.Zero(t, code, errs)
	require.Equal(t, fmt.Sprintf("40 lines: %d started, 0 found, %d done before; details in %s.results.ndjson\n",
		told.Left, told.Started, file), out)
	require.Len(t, r.order, 40)
}

func TestAFailedLineIsTriedByTheNextRun(t *testing.T) {
	r := registered(t)
	r.broken["kyc-A1"] = codes.PermissionDenied
	file := r.write(t, "wave.csv", "customerId,reference\ncstap_1,A1\ncstap_2,A2\n")
	code, out, errs := r.run(t.Context(), "", file)
	require.Equal(t, 1, code)
	require.Equal(t, "2 lines: 1 started, 0 found, 1 failed; details in "+file+".results.ndjson\n", out)
	require.Equal(t, "starter: 1 of 2 lines failed; rerun to retry them\ntry: starter "+
		"batch "+file+"\n", errs)
	require.Contains(t, r.results(t, "wave.csv.results.ndjson"), outcome{2, "A1", "cstap_1", "failed",
		"Temporal rejects these credentials for the namespace"})
	delete(r.broken, "kyc-A1")
	code, out, _ = r.run(t.Context(), "", file)
	require.Zero(t, code)
	require.Contains(t, out, "2 lines: 1 started, 0 found, 1 done before;")
}

func TestATemporalThatTakesNothingStopsIt(t *testing.T) {
	r := registered(t)
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "{\"customerId\":\"cstap_1\",\"reference\":\"A%d\"}\n", i)
		r.broken[fmt.Sprintf("kyc-A%d", i)] = codes.PermissionDenied
	}
	file := r.write(t, "wave.ndjson", text.String())
	code, out, errs := r.run(t.Context(), "", file, "--parallel", "1")
	require.Equal(t, 1, code)
	require.Contains(t, out, "100 lines: 0 started, 0 found, 20 failed, 80 left;")
	require.Equal(t, "starter: stopped after 20 failures in a row; last: Temporal rejects these credentials for the "+
		"namespace; 80 of 100 lines left; rerun to continue\ntry: starter batch "+file+"\n", errs)
}

// Whose a case is that another keyset sealed is unknown, and that is told.
func TestACaseThatDoesNotOpenIsNobodys(t *testing.T) {
	r := registered(t)
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	other, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	in, err := converter.WithDataConverterSerializationContext(other.Converters().Data,
		converter.WorkflowSerializationContext{WorkflowID: "kyc-A1"}).
		ToPayloads(workflows.Input{CustomerID: "cstap_1"})
	require.NoError(t, err)
	r.cases["kyc-A1"] = in
	file := r.write(t, "wave.csv", "customerId,reference\ncstap_1,A1\n")
	code, _, errs := r.run(t.Context(), "", file)
	require.Equal(t, 1, code, errs)
	o := r.results(t, "wave.csv.results.ndjson")[0]
	require.Equal(t, "failed", o.Result)
	require.Regexp(t, `^the case exists, but its customer cannot be read: .*encrypted with key`, o.Error)
}
