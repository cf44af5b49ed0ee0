package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// programs are what people run.
var programs = []string{"worker", "webhook", "starter", "sandbox"}

// stamp is the variable that says which build this is.
const stamp = "durablekyc.example/internal/telemetry.Version"

// platforms are what they run on.
const platforms = "linux/amd64,linux/arm64,darwin/arm64"

// release is one on its way.
type release struct {
	version string
	source  string // the root of this repository
	out     string
	told    io.Writer
}

// checkVersion checks that the pages of this version say that it is this version.
// The warning is about what may be so only until it is given to anybody.
func checkVersion(source, version string) (warning string, err error) {
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(version) {
		return "", fmt.Errorf("%q is no version: say which one, such as 1.4.0", version)
	}
	changes, err := os.ReadFile(filepath.Join(source, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	heading := regexp.MustCompile(`(?m)^## \[` + regexp.QuoteMeta(version) + `\] - (.+)$`).FindSubmatch(changes)
	if heading == nil {
		return "", fmt.Errorf("CHANGELOG.md has nothing of %s: give it a section", version)
	}
	chart, err := os.ReadFile(filepath.Join(source, "deploy", "helm", "Chart.yaml"))
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(chart), "\nversion: "+version+"\n") || !strings.Contains(string(chart), "\nappVersion: \""+
		version+"\"\n") {
		return "", fmt.Errorf("deploy/helm/Chart.yaml is not of %s: set version and appVersion", version)
	}
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\d$`).Match(heading[1]) {
		return fmt.Sprintf("CHANGELOG.md has no date for %s yet", version), nil
	}
	return "", nil
}

// make fills the directory, which is there and empty.
func (r release) make(ctx context.Context, platforms []string) error {
	work, err := os.MkdirTemp("", "release-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	linked := map[string][]module{}
	for _, platform := range platforms {
		fmt.Fprintln(r.told, "building for", platform)
		bin := filepath.Join(work, strings.ReplaceAll(platform, "/", "_"))
		if err := r.build(ctx, platform, bin, programs); err != nil {
			return err
		}
		// One bill of materials has what is linked on any platform: a library that reads Linux' /proc is not there on others.
		if err := inside(bin, linked); err != nil {
			return err
		}
	}
	all, err := libraries(ctx, r.source, mergeModules(linked))
	if err != nil {
		return err
	}
	texts, err := notices(ctx, all)
	if err != nil {
		return err
	}
	licenses := map[string]string{}
	for _, l := range all {
		licenses[l.Path] = l.license
	}
	if err := r.write("THIRD_PARTY_LICENSES", texts); err != nil {
		return err
	}
	bill, err := r.bill(linked, licenses)
	if err != nil {
		return err
	}
	if err := r.write("durable-kyc_"+r.version+".cdx.json", bill); err != nil {
		return err
	}
	for _, platform := range platforms {
		name := "durable-kyc_" + r.version + "_" + strings.ReplaceAll(platform, "/", "_")
		files := []entry{{name + "/THIRD_PARTY_LICENSES", filepath.Join(r.out, "THIRD_PARTY_LICENSES"), 0o644}}
		for _, page := range []string{"CHANGELOG.md", "LICENSE"} { // the latter once the project has one
			if _, err := os.Stat(filepath.Join(r.source, page)); err == nil {
				files = append(files, entry{name + "/" + page, filepath.Join(r.source, page), 0o644})
			}
		}
		for _, program := range programs {
			files = append(files, entry{name + "/" + program, filepath.Join(work, strings.ReplaceAll(platform, "/", "_"),
				program), 0o755})
		}
		if err := pack(filepath.Join(r.out, name+".tar.gz"), files); err != nil {
			return err
		}
	}
	chart, err := below(filepath.Join(r.source, "deploy", "helm"), "durable-kyc")
	if err != nil {
		return err
	}
	if err := pack(filepath.Join(r.out, "durable-kyc-"+r.version+".tgz"), chart); err != nil {
		return err
	}
	return r.sums()
}

// build makes static programs into a directory. Nothing of this machine goes
// in: no path, no time, no setting of whoever builds.
func (r release) build(ctx context.Context, platform, directory string, programs []string) error {
	system, processor, ok := strings.Cut(platform, "/")
	if !ok {
		return fmt.Errorf("%q is no platform such as linux/amd64", platform)
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X " + stamp + "=" + r.version, "-o",
		directory + string(filepath.Separator)}
	for _, program := range programs {
		args = append(args, "./"+program)
	}
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = r.source
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor, "GOFLAGS=", "GOEXPERIMENT=",
		"GOAMD64=v1", "GOARM64=v8.0",
		"GOFIPS140=off", "GOWORK=off", "GOTOOLCHAIN=local")
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said)
	}
	return nil
}

func (r release) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(r.out, name), content, 0o644)
}

// sums writes what `sha256sum --check` reads.
func (r release) sums() error {
	files, err := os.ReadDir(r.out) // in order
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, file := range files {
		sum, err := hash(filepath.Join(r.out, file.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, file.Name())
	}
	fmt.Fprint(r.told, sums.String())
	return r.write("SHA256SUMS", []byte(sums.String()))
}

func hash(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return fmt.Sprintf("%x", sum.Sum(nil)), errors.Join(err, file.Close())
}
