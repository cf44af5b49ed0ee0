package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// everything has all programs built twice, which takes minutes: make reproducible.
var everything = flag.Bool("everything", false, "build all programs twice, and not only the smallest")

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(text)
}

func TestEveryLibraryMayBeLinked(t *testing.T) {
	modules, err := linked(t.Context(), root)
	require.NoError(t, err)
	all, err := libraries(t.Context(), root, modules) // which refuses what is not permitted
	require.NoError(t, err)
	require.Greater(t, len(all), 50)
	require.Equal(t, read(t, "docs", "licenses.md"), table(all),
		"cd dev/release && go run . -licenses ../../docs/licenses.md")
}

func TestLicensesAreToldApart(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/licensecheck")
	directory, err := list.Output()
	require.NoError(t, err)
	sample := func(id string) string { // of the library's own, without the two lines that say what it is
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(directory)), "testdata", id+".t1"))
		require.NoError(t, err)
		return strings.SplitN(string(text), "\n", 3)[2]
	}
	for name, c := range map[string]struct {
		texts map[string]string
		is    string
		err   string
	}{
		"one":             {map[string]string{"LICENSE": sample("MIT")}, "MIT", ""},
		"two in one file": {map[string]string{"LICENSE": sample("MIT") + sample("Apache-2.0")}, "Apache-2.0 AND MIT", ""},
		"two files": {map[string]string{"LICENSE": sample("MIT"), "COPYING": sample("BSD-3-Clause"),
			"NOTICE": "made by them"}, "BSD-3-Clause AND MIT", ""},
		"no license": {map[string]string{"NOTICE": "made by them"}, "", "m has no license: we may not have it"},
		"not permitted": {map[string]string{"LICENSE": sample("MIT"), "COPYING": sample("AGPL-3.0")}, "",
			"COPYING of m is under AGPL-3.0, which is not permitted in dev/release"},
		"unknown": {map[string]string{"LICENSE": "All rights reserved. You may read this."}, "",
			"the license LICENSE of m is not a known one: read it"},
		"known in part": {map[string]string{"LICENSE": sample("ISC") + strings.Repeat("You pay for each copy. ", 40)}, "",
			"the license LICENSE of m is not a known one: read it"},
	} {
		t.Run(name, func(t *testing.T) {
			is, err := licenseExpression("m", c.texts)
			require.Equal(t, c.is, is)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.err)
			}
		})
	}
}

// The same files are the same archive, whenever and by whomever they were written.
func TestArchivesHoldNothingOfTheMachine(t *testing.T) {
	packed := func(mode os.FileMode, when time.Time, turn bool) []byte {
		directory := t.TempDir()
		for _, name := range []string{"a", "b"} {
			file := filepath.Join(directory, name)
			require.NoError(t, os.WriteFile(file, []byte(name), mode))
			require.NoError(t, os.Chtimes(file, when, when))
		}
		all, err := below(directory, "under")
		require.NoError(t, err)
		if turn {
			all[0], all[1] = all[1], all[0]
		}
		to := filepath.Join(t.TempDir(), "archive.tar.gz")
		require.NoError(t, pack(to, all))
		archive, err := os.ReadFile(to)
		require.NoError(t, err)
		return archive
	}
	require.Equal(t, packed(0o600, time.Unix(1, 0), false), packed(0o644, time.Now(), true))
}

func TestTheBillIsOne(t *testing.T) {
	a, b := module{"example.com/a", "v1.0.0", "h1:a="}, module{"example.com/b", "v2.0.0+incompatible", "h1:b="}
	linked := map[string][]module{"worker": {a, b}, "webhook": {a}, "starter": {b}, "sandbox": nil}
	licenses := map[string]string{a.Path: noAssertion, b.Path: "Apache-2.0 AND MIT"}
	r := release{version: "1.2.3"}
	bill, err := r.bill(linked, licenses)
	require.NoError(t, err)
	again, err := r.bill(linked, licenses)
	require.NoError(t, err)
	require.Equal(t, string(bill), string(again))

	var decoded cdx.BOM
	require.NoError(t, cdx.NewBOMDecoder(bytes.NewReader(bill), cdx.BOMFileFormatJSON).Decode(&decoded))
	there := map[string]bool{decoded.Metadata.Component.BOMRef: true}
	for _, c := range *decoded.Components {
		require.False(t, there[c.BOMRef], "%s is there twice", c.BOMRef)
		there[c.BOMRef] = true
	}
	require.Len(t, there, 1+4+1+2)
	for _, d := range *decoded.Dependencies {
		require.True(t, there[d.Ref])
		for _, needed := range *d.Dependencies {
			require.True(t, there[needed], "%s needs %s, which is not there", d.Ref, needed)
		}
	}

	// As CycloneDX's own schema says, which lies in the library's module.
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go")
	directory, err := list.Output()
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schemax.json"} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(directory)), "schema", name))
		require.NoError(t, err)
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, compiler.AddResource("http://cyclonedx.org/schema/"+strings.Replace(name, "schemax", "schema", 1),
			document))
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(bill))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(document))
	document.(map[string]any)["components"].([]any)[0].(map[string]any)["type"] = json.Number("1")
	require.Error(t, schema.Validate(document))
}

func TestAVersionIsAnnounced(t *testing.T) {
	tree := func(changes, chart string) string {
		directory := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(directory, "deploy", "helm"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(directory, "CHANGELOG.md"), []byte(changes), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(directory, "deploy", "helm", "Chart.yaml"), []byte(chart), 0o600))
		return directory
	}
	const chart = "name: x\nversion: 1.2.3\nappVersion: \"1.2.3\"\n"
	for says, c := range map[string][3]string{
		"":                                  {"## [1.2.3] - 2026-01-02\n", chart, "1.2.3"},
		"is no version":                     {"## [1.2.3] - 2026-01-02\n", chart, "v1.2.3"},
		"CHANGELOG.md has nothing of 1.2.3": {"## [1.2.2] - 2026-01-02\n", chart, "1.2.3"},
		"deploy/helm/Chart.yaml is not of 1.": {"## [1.2.3] - 2026-01-02\n", strings.Replace(chart, "n: 1.2.3", "n: 1.2.2",
			1), "1.2.3"},
	} {
		warning, err := checkVersion(tree(c[0], c[1]), c[2])
		require.Empty(t, warning)
		if says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, says)
		}
	}
	warning, err := checkVersion(tree("## [1.2.3] - unreleased\n", chart), "1.2.3")
	require.NoError(t, err)
	require.Equal(t, "CHANGELOG.md has no date for 1.2.3 yet", warning)

	// What this repository is about to release can be.
	version := regexp.MustCompile(`(?m)^## \[(\d[^\]]*)\]`).FindStringSubmatch(read(t, "CHANGELOG.md"))
	_, err = checkVersion(root, version[1])
	require.NoError(t, err)
	require.Contains(t, read(t, "Dockerfile"), "-X "+stamp+"=${VERSION}", "images say the same of themselves")
}

// From two directories, the same programs; with -everything also from two
// caches, so that nothing of one build can be in the other. One cache is enough
// to find what a build takes along of where it is made.
func TestBuildsAreReproducible(t *testing.T) {
	few := []string{"sandbox"}
	if *everything {
		few = programs
	}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	here, there := t.TempDir(), t.TempDir()
	require.NoError(t, release{version: "1.2.3", source: root}.build(t.Context(), platform, here, few))

	copied := filepath.Join(t.TempDir(), "another", "name")
	files := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "*.go", "go.mod", "go.sum", "webhook", "sandbox",
		"starter", "internal")
	files.Dir = root
	list, err := files.Output()
	require.NoError(t, err)
	for file := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, file))
		if os.IsNotExist(err) { // and not committed yet
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(copied, file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(copied, file), content, 0o600))
	}
	// In a repository of its own, whose commit is another one.
	for _, args := range [][]string{{"init", "-q"}, {"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q",
		"--allow-empty", "-m", "x"}} {
		git := exec.CommandContext(t.Context(), "git", args...)
		git.Dir = copied
		said, err := git.CombinedOutput()
		require.NoError(t, err, "%s", said)
	}
	if *everything {
		t.Setenv("GOCACHE", t.TempDir())
	}
	t.Setenv("GOFLAGS", "-buildvcs=auto") // of whoever builds
	require.NoError(t, release{version: "1.2.3", source: copied}.build(t.Context(), platform, there, few))
	for _, program := range few {
		one, err := hash(filepath.Join(here, program))
		require.NoError(t, err)
		two, err := hash(filepath.Join(there, program))
		require.NoError(t, err)
		require.Equal(t, one, two, program)
		said, err := exec.CommandContext(t.Context(), filepath.Join(here, program), "--version").CombinedOutput()
		require.NoError(t, err, "%s", said)
		require.Equal(t, "1.2.3\n", string(said), program)
		t.Log(program, one)
	}
}
