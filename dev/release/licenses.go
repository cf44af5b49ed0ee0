package main

import (
	"bytes"
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// module is a library in our programs, of one version.
type module struct {
	Path, Version string
	Sum           string // go.sum's
}

// inside adds what is linked into each of the programs in a directory, in order of their paths.
func inside(directory string, linked map[string][]module) error {
	for _, program := range programs {
		info, err := buildinfo.ReadFile(filepath.Join(directory, program))
		if err != nil {
			return err
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				return fmt.Errorf("%s is replaced: what is linked then is nobody's release", m.Path)
			}
			linked[program] = append(linked[program], module{m.Path, m.Version, m.Sum})
		}
		linked[program] = once(linked[program])
	}
	return nil
}

func once(modules []module) []module {
	slices.SortFunc(modules, func(a, b module) int { return cmp.Compare(a.Path, b.Path) })
	return slices.Compact(modules)
}

// mergeModules is every module of all programs, once and in order.
func mergeModules(linked map[string][]module) (all []module) {
	for _, modules := range linked {
		all = append(all, modules...)
	}
	return once(all)
}

// linked is the same without a build, by what the programs import here.
func linked(ctx context.Context, source string) ([]module, error) {
	args := []string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}"}
	for _, program := range programs {
		args = append(args, "./"+program)
	}
	var all []module
	for platform := range strings.SplitSeq(platforms, ",") {
		system, processor, _ := strings.Cut(platform, "/")
		command := exec.CommandContext(ctx, "go", args...)
		command.Dir, command.Env = source, append(os.Environ(), "GOFLAGS=", "GOOS="+system, "GOARCH="+processor,
			"CGO_ENABLED=0")
		output, err := command.Output()
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(output)) {
			if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
				all = append(all, module{Path: path, Version: version})
			}
		}
	}
	return once(all), nil
}

// unstated are the modules that come without a license, each in the version that
// was looked at, and why we have it all the same. A release says NOASSERTION.
var unstated = map[string]string{
	"github.com/nexus-rpc/nexus-proto-annotations@v0.1.0": "generated constants that go.temporal.io/api imports; what " +
		"else nexus-rpc gives away is under MIT",
}

// noAssertion is SPDX's word for it.
const noAssertion = "NOASSERTION"

// permitted are the licenses under which a library may be linked and given away
// with our programs.
var permitted = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// covered is how much of a text must be of known licenses, in percent, as on
// pkg.go.dev. The rest may say which file is under which of them.
const covered = 75

// licenses names those that a text has, which may be more than one: none if too
// much of it is unknown.
func licenses(text string) []string {
	scan := licensecheck.Scan([]byte(text))
	if scan.Percent < covered {
		return nil
	}
	var found []string
	for _, match := range scan.Match {
		found = append(found, match.ID)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// legal is a page that has to go along with a copy.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// pages are a module's texts, by the names of their files.
func pages(directory string) (map[string]string, error) {
	files, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, file := range files {
		if file.Type().IsRegular() && legal.MatchString(file.Name()) && filepath.Ext(file.Name()) != ".go" {
			text, err := os.ReadFile(filepath.Join(directory, file.Name()))
			if err != nil {
				return nil, err
			}
			texts[file.Name()] = strings.ReplaceAll(string(text), "\r\n", "\n")
		}
	}
	return texts, nil
}

// licenseExpression is which licenses the texts of a module are, in order. Notices and
// patents are none. A module with an unknown license, or one that is not
// permitted, is refused.
func licenseExpression(path string, texts map[string]string) (string, error) {
	found := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if regexp.MustCompile(`(?i)^(notice|patents)`).MatchString(name) {
			continue
		}
		all := licenses(texts[name])
		if len(all) == 0 {
			return "", fmt.Errorf("the license %s of %s is not a known one: read it", name, path)
		}
		for _, is := range all {
			if !slices.Contains(permitted, is) {
				return "", fmt.Errorf("%s of %s is under %s, which is not permitted in dev/release", name, path, is)
			}
			found[is] = true
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%s has no license: we may not have it", path)
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), " AND "), nil
}

// directories are where modules lie on this machine, by path.
func directories(ctx context.Context, source string, modules []module) (map[string]string, error) {
	args := []string{"mod", "download", "-json"}
	for _, m := range modules {
		args = append(args, m.Path+"@"+m.Version)
	}
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = source
	output, err := command.Output()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var m struct{ Path, Dir string }
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[m.Path] = m.Dir
	}
}

// library is a module with what has to go along with a copy of it.
type library struct {
	module
	license string
	texts   map[string]string // by the names of their files
}

// libraries reads the licenses of modules, from where the Go command keeps them.
func libraries(ctx context.Context, source string, modules []module) (all []library, err error) {
	dirs, err := directories(ctx, source, modules)
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		l := library{module: m}
		if l.texts, err = pages(dirs[m.Path]); err != nil {
			return nil, err
		}
		if unstated[m.Path+"@"+m.Version] != "" && len(l.texts) == 0 {
			l.license = noAssertion
		} else if l.license, err = licenseExpression(m.Path, l.texts); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// table is docs/licenses.md.
func table(all []library) string {
	by := map[string][]string{}
	for _, l := range all {
		by[l.license] = append(by[l.license], l.Path)
	}
	var page strings.Builder
	page.WriteString("# Licenses\n\nThe modules that are linked into the four programs, besides Go's own library " +
		"(BSD-3-Clause), by license.\n" +
		"A release contains all the texts, in `THIRD_PARTY_LICENSES`.\n" +
		"`cd dev/release && go run . -licenses ../../docs/licenses.md` writes this page; a test compares.\n\n| license | " +
		"modules |\n| --- | --- |\n")
	for _, is := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(&page, "| %s | %s |\n", is, strings.Join(by[is], ", "))
	}
	return page.String()
}

// notices are the texts of all of them, Go's own first.
func notices(ctx context.Context, all []library) ([]byte, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	own, err := pages(strings.TrimSpace(string(root)))
	if err != nil {
		return nil, err
	}
	if _, there := own["LICENSE"]; !there {
		return nil, fmt.Errorf("the Go in %s has no LICENSE: build the release with one that has",
			strings.TrimSpace(string(root)))
	}
	var page bytes.Buffer
	for _, l := range append([]library{{module: module{Path: "Go's library", Version: runtime.Version()},
		license: "BSD-3-Clause", texts: own}}, all...) {
		fmt.Fprintf(&page, "%s\n%s %s (%s)\n", strings.Repeat("=", 80), l.Path, l.Version, l.license)
		for _, name := range slices.Sorted(maps.Keys(l.texts)) {
			fmt.Fprintf(&page, "\n--- %s\n\n%s\n", name, strings.TrimSpace(l.texts[name]))
		}
	}
	return page.Bytes(), nil
}
