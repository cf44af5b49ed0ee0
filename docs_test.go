package repository

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/connectfi"
	"durablekyc.example/kyc"
)

// items are those of four chapters of OWASP's Application Security Verification
// Standard 5.0.0, with their levels, from its own text
// (github.com/OWASP/ASVS, 5.0/en/0x13, 0x14, 0x23 and 0x25).
var items = map[string]string{
	"4.1.1": "1", "4.1.2": "2", "4.1.3": "2", "4.1.4": "3", "4.1.5": "3", "4.2.1": "2", "4.2.2": "3", "4.2.3": "3",
	"4.2.4": "3", "4.2.5": "3",
	"4.3.1": "2", "4.3.2": "2", "4.4.1": "1", "4.4.2": "2", "4.4.3": "2", "4.4.4": "2",
	"5.1.1": "2", "5.2.1": "1", "5.2.2": "1", "5.2.3": "2", "5.2.4": "3", "5.2.5": "3", "5.2.6": "3", "5.3.1": "1",
	"5.3.2": "1", "5.3.3": "3",
	"5.4.1": "2", "5.4.2": "2", "5.4.3": "2",
	"14.1.1": "2", "14.1.2": "2", "14.2.1": "1", "14.2.2": "2", "14.2.3": "2", "14.2.4": "2", "14.2.5": "3", "14.2.6": "3",
	"14.2.7": "3", "14.2.8": "3",
	"14.3.1": "1", "14.3.2": "2", "14.3.3": "2",
	"16.1.1": "2", "16.2.1": "2", "16.2.2": "2", "16.2.3": "2", "16.2.4": "2", "16.2.5": "2", "16.3.1": "2", "16.3.2": "2",
	"16.3.3": "2", "16.3.4": "2",
	"16.4.1": "2", "16.4.2": "2", "16.4.3": "2", "16.5.1": "2", "16.5.2": "2", "16.5.3": "2", "16.5.4": "3",
}

var (
	// named is how docs/security.md names a test: its folder and its function.
	named = regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Z]\\w*)`")
	// anyTest finds those that are named in another way.
	anyTest = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`)
	// row is a line of the tables of items: number, level, what is wanted, how it stands, and how.
	row = regexp.MustCompile(`(?m)^\| (\d+\.\d+\.\d+) \| (\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)
)

// A page for reviewers that names a test which is gone, or leaves out what it
// does not like, is worse than none.
func TestTheSecurityPageIsTrue(t *testing.T) {
	text, err := os.ReadFile("docs/security.md")
	require.NoError(t, err)
	page := string(text)

	all := named.FindAllStringSubmatch(page, -1)
	require.Greater(t, len(all), 100)
	require.Len(t, anyTest.FindAllString(page, -1), len(all), "every test is named `folder.TestName`")
	sources := map[string]string{}
	for _, test := range all {
		folder, function := test[1], test[2]
		if folder == "house" {
			folder = "."
		}
		if _, read := sources[folder]; !read {
			sources[folder] = tests(t, folder)
		}
		require.Contains(t, sources[folder], "\nfunc "+function+"(", "%s is in no test file of %s", function,
			folder)
	}

	told := map[string]string{}
	for _, cells := range row.FindAllStringSubmatch(page, -1) {
		number, level, here, how := cells[1], cells[2], cells[4], cells[5]
		require.NotContains(t, told, number, "it is told twice")
		told[number] = level
		require.Contains(t, []string{"tested", "done", "partly", "gap", "n/a", "yours"}, here, number)
		require.False(t, here == "tested" && !named.MatchString(how), "%s is tested by nothing", number)
	}
	require.Equal(t, items, told, "every item once, with its level")
	for line := range strings.Lines(page) {
		require.False(t, regexp.MustCompile(`^\| \d+\.`).MatchString(line) && !row.MatchString(strings.TrimSpace(line)),
			"a broken row: %s", line)
	}
}

// tests are the test files of a folder, one after the other.
func tests(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(folder), "*_test.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "%s has no tests", folder)
	slices.Sort(files)
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

// Whoever sizes a container reads the same in both places.
func TestTheMemoryBoundIsWhatComposeSets(t *testing.T) {
	page, err := os.ReadFile("docs/reliability.md")
	require.NoError(t, err)
	compose, err := os.ReadFile("docker-compose.yml")
	require.NoError(t, err)
	for _, setting := range []string{"GOMEMLIMIT", "mem_limit"} {
		found := regexp.MustCompile(`(?m)^ +`+setting+`: (\S+)$`).FindAllStringSubmatch(string(compose), -1)
		require.Len(t, found, 1, setting)
		require.Contains(t, string(page), found[0][1], setting)
	}
}

// section is a chapter of docs/operations.md, from its heading to the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "\n## "+heading+"\n")
	require.True(t, found, heading)
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// Whoever is woken by an alert, or finds a held case, finds what to do.
func TestTheRunbookHasARowForEverything(t *testing.T) {
	rules, err := os.ReadFile("deploy/observability/alerts.yaml")
	require.NoError(t, err)
	book := section(t, "Runbook")
	var alerts []string
	for _, found := range regexp.MustCompile(`(?m)- alert: (\w+)$`).FindAllStringSubmatch(string(rules), -1) {
		alerts = append(alerts, found[1])
		require.Contains(t, book, `| <a id="`+strings.ToLower(found[1])+`"></a>**`+found[1]+"** |", "%s has no row", found[1])
	}
	require.Greater(t, len(alerts), 10)
	for _, named := range regexp.MustCompile(`\bKYC[A-Z]\w+`).FindAllString(book, -1) {
		require.Contains(t, alerts, named, "there is no such alert")
	}
	inventory := exported(t)
	for _, reason := range inventory["kyc_cases_held_total"]["reason"] {
		require.Contains(t, book, "\n| `"+reason+"` |", "%s has no row", reason)
	}
	for _, code := range inventory["kyc_cases_held_total"]["code"] {
		require.True(t, code == "none" || regexp.MustCompile("\n\\| `refused` \\| [^|]*`"+code+"`").MatchString(book),
			"%s has no row", code)
	}
	require.ElementsMatch(t, kyc.HoldReasons, inventory["kyc_cases_held_total"]["reason"])
}

// The page tells every metric of ours, and none that there is not.
func TestEveryMetricHasItsLine(t *testing.T) {
	told := map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(section(t,
		"Metrics and traces"), -1) {
		told[found[1]] = true
	}
	inventory := exported(t)
	for name := range inventory {
		require.True(t, told[name] || !strings.HasPrefix(name, "kyc_"), "%s has no line", name)
	}
	for name := range told {
		require.Contains(t, inventory, name)
	}
	words := inventory["kyc_connectfi_request_duration_seconds"]["code"]
	require.ElementsMatch(t, connectfi.Endings(), words)
}

// exported are the labels, with their values, of everything that
// deploy/observability/metrics.txt lists.
func exported(t *testing.T) map[string]map[string][]string {
	t.Helper()
	text, err := os.ReadFile("deploy/observability/metrics.txt")
	require.NoError(t, err)
	all := map[string]map[string][]string{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		all[fields[0]] = map[string][]string{}
		for _, field := range fields[3:] {
			label, values, _ := strings.Cut(field, "=")
			all[fields[0]][label] = strings.Split(values, "|")
		}
	}
	require.NotEmpty(t, all)
	return all
}
