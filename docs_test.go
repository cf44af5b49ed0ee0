package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// items are those of four chapters of OWASP's Application Security Verification
// Standard 5.0.0, with their levels, from its own text
// (github.com/OWASP/ASVS, 5.0/en/0x13, 0x14, 0x23 and 0x25).
var items = map[string]string{
	"4.1.1": "1", "4.1.2": "2", "4.1.3": "2", "4.1.4": "3", "4.1.5": "3", "4.2.1": "2", "4.2.2": "3", "4.2.3": "3", "4.2.4": "3", "4.2.5": "3",
	"4.3.1": "2", "4.3.2": "2", "4.4.1": "1", "4.4.2": "2", "4.4.3": "2", "4.4.4": "2",
	"5.1.1": "2", "5.2.1": "1", "5.2.2": "1", "5.2.3": "2", "5.2.4": "3", "5.2.5": "3", "5.2.6": "3", "5.3.1": "1", "5.3.2": "1", "5.3.3": "3",
	"5.4.1": "2", "5.4.2": "2", "5.4.3": "2",
	"14.1.1": "2", "14.1.2": "2", "14.2.1": "1", "14.2.2": "2", "14.2.3": "2", "14.2.4": "2", "14.2.5": "3", "14.2.6": "3", "14.2.7": "3", "14.2.8": "3",
	"14.3.1": "1", "14.3.2": "2", "14.3.3": "2",
	"16.1.1": "2", "16.2.1": "2", "16.2.2": "2", "16.2.3": "2", "16.2.4": "2", "16.2.5": "2", "16.3.1": "2", "16.3.2": "2", "16.3.3": "2", "16.3.4": "2",
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
	require.Equal(t, len(all), len(anyTest.FindAllString(page, -1)), "every test is named `folder.TestName`")
	sources := map[string]string{}
	for _, test := range all {
		folder, function := test[1], test[2]
		if folder == "house" {
			folder = "."
		}
		if _, read := sources[folder]; !read {
			sources[folder] = tests(t, folder)
		}
		require.True(t, strings.Contains(sources[folder], "\nfunc "+function+"("), "%s is in no test file of %s", function, folder)
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
		require.False(t, regexp.MustCompile(`^\| \d+\.`).MatchString(line) && !row.MatchString(strings.TrimSpace(line)), "a broken row: %s", line)
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
