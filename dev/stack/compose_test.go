package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"durablekyc.example/dev/stack/embedded"
)

// root is the project's directory, where docker-compose.yml lies.
var root = filepath.Join("..", "..")

// programs are the services that run a binary of ours, and which one.
var programs = map[string]string{
	"namespace": "starter", "keys": "starter", "sandbox": "sandbox", "worker": "worker", "webhook": "webhook",
	"demo": "starter",
}

// jobs are the services that end by themselves.
var jobs = []string{"schema", "namespace", "keys", "demo"}

// compose loads the file the way docker compose does, schema and consistency
// checks included, with an empty environment and every profile.
func compose(t *testing.T) *types.Project {
	t.Helper()
	project := composed(t, "*")
	require.Empty(t, project.DisabledServices, "a service hidden by a profile escapes these tests")
	return project
}

// composed is what docker compose runs with these profiles on a machine where
// nothing is set.
func composed(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithName("kyc"),
		cli.WithProfiles(profiles))
	require.NoError(t, err)
	project, err := options.LoadProject(context.Background())
	require.NoError(t, err)
	return project
}

// Against ConnectFi itself nothing of the sandbox may run, nor be waited for:
// a service that waits for a disabled one does not load. The demo would walk
// the sandbox's customers there.
func TestComposeRunsWithoutTheSandbox(t *testing.T) {
	project := composed(t)
	require.NotContains(t, project.Services, "sandbox")
	require.NotContains(t, project.Services, "demo")
	for name := range compose(t).Services {
		if len(compose(t).Services[name].Profiles) == 0 {
			require.Contains(t, project.Services, name)
		}
	}
	require.Contains(t, composed(t, "sandbox").Services, "demo")
	require.Contains(t, project.Services["keys"].Environment, "CONNECTFI_LOGIN",
		"ConnectFi's own login reaches the secrets by this job")
}

// environment is what a service is given; nothing is passed through from
// whoever types the command.
func environment(t *testing.T, service types.ServiceConfig) map[string]string {
	t.Helper()
	given := map[string]string{}
	for name, value := range service.Environment {
		require.NotNil(t, value, "%s has no value", name)
		given[name] = *value
	}
	return given
}

// text is a file of the project, for what loading would lose.
func text(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(content)
}

func TestComposeNeedsNoVariable(t *testing.T) {
	variable := regexp.MustCompile(`\$(\{[^}]*\}|\w*)`)
	withDefault := regexp.MustCompile(`^\$\{[A-Z_]+:-[^}]*\}$`)
	found := variable.FindAllString(text(t, "docker-compose.yml"), -1)
	require.NotEmpty(t, found)
	for _, use := range found {
		require.Regexp(t, withDefault, use)
	}
}

func TestComposeServicesArePinnedAndConfined(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z/-]+:(v?\d+\.\d+(\.\d+)?(-alpine)?|dev)$`)
	for name, service := range compose(t).Services {
		t.Run(name, func(t *testing.T) {
			require.Regexp(t, pinned, service.Image)
			if program, ours := programs[name]; ours {
				require.Equal(t, "durable-kyc/"+program+":dev", service.Image)
				require.Equal(t, program, service.Build.Target)
				require.Equal(t, "65532:65532", service.User)
			} else {
				require.Nil(t, service.Build)
				require.Contains(t, []string{"postgres", "temporal", "nobody", "grafana"}, service.User,
					"the user its image makes for it")
			}
			require.True(t, service.ReadOnly, "read-only root")
			require.Equal(t, []string{"ALL"}, service.CapDrop)
			require.Empty(t, service.CapAdd)
			require.False(t, service.Privileged)
			require.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt)
			for _, port := range service.Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "port %d", port.Target)
			}
		})
	}
}

// The versions that dev and the tests embed are the ones compose runs.
func TestComposeRunsTheTemporalWeTest(t *testing.T) {
	module := text(t, "dev", "stack", "go.mod")
	services := compose(t).Services
	for service, path := range map[string]string{
		"temporal": "go.temporal.io/server",
		"schema":   "go.temporal.io/server",
		"ui":       "github.com/temporalio/ui-server/v2",
	} {
		_, tag, _ := strings.Cut(services[service].Image, ":")
		require.True(t, strings.Contains(module, path+" v"+tag+"\n"), "%s runs %s, dev/stack/go.mod another release", service,
			tag)
	}
	require.Equal(t, embedded.PostgresPlugin, environment(t, services["temporal"])["DB"])
	require.Equal(t, embedded.PostgresPlugin, environment(t, services["schema"])["SQL_PLUGIN"])
}

func TestComposePublishesTheAddressesOfTheReadme(t *testing.T) {
	published := map[string]string{}
	for name, service := range compose(t).Services {
		for _, port := range service.Ports {
			published[port.Published] = name + ":" + strconv.Itoa(int(port.Target))
		}
	}
	require.Equal(t, map[string]string{
		"7233": "temporal:7233", "8233": "ui:8080", "8080": "webhook:8080", "8081": "webhook:8081", "8082": "worker:8082",
		"8090": "sandbox:8090",
		"9090": "prometheus:9090", "3000": "grafana:3000",
	}, published)
}

// Docker rotates no log unless it is told to, and a flood would fill the disk.
func TestComposeRotatesEveryLog(t *testing.T) {
	for name, service := range compose(t).Services {
		require.NotNil(t, service.Logging, name)
		require.Equal(t, "json-file", service.Logging.Driver, name)
		require.Equal(t, types.Options{"max-size": "10m", "max-file": "5"}, service.Logging.Options, name)
	}
}

// A port that another program has is changed without touching the file, and the
// UI then takes requests from its own new address.
func TestComposePortsAreChangedByVariables(t *testing.T) {
	variables := regexp.MustCompile(`KYC_PORT_[A-Z_]+`).FindAllString(text(t, "docker-compose.yml"), -1)
	slices.Sort(variables)
	variables = slices.Compact(slices.DeleteFunc(variables, func(v string) bool { return v == "KYC_PORT_" }))
	var given, want []string
	for i, variable := range variables {
		require.Contains(t, text(t, "docs", "operations.md"), "`"+variable+"`")
		want = append(want, strconv.Itoa(20000+i))
		given = append(given, variable+"="+want[i])
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithName("kyc"),
		cli.WithProfiles([]string{"*"}),
		cli.WithEnv(given))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	var published []string
	for _, service := range project.Services {
		for _, port := range service.Ports {
			published = append(published, port.Published)
		}
	}
	require.ElementsMatch(t, want, published)
	ui := project.Services["ui"]
	require.Equal(t, "http://127.0.0.1:"+ui.Ports[0].Published, environment(t, ui)["TEMPORAL_CORS_ORIGINS"])
}

// A volume keeps the password that it was made with, which the job says where it
// is refused.
func TestTheSchemaJobNamesAKeptPassword(t *testing.T) {
	tools := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(tools, "temporal-sql-tool"),
		[]byte("#!/bin/sh\necho 'password authentication failed' >&2\nexit 1\n"), 0o755))
	job := exec.Command("/bin/sh", filepath.Join(root, "deploy", "temporal", "schema.sh"))
	job.Env = []string{"PATH=" + tools + ":/usr/bin:/bin", "SQL_HOST=postgres", "SQL_PASSWORD=new", "TRIES=1"}
	said, err := job.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said),
		"the volume keeps the password it was made with: set TEMPORAL_DB_PASSWORD to that one, or change it there")
}

func TestComposeKnowsWhoIsUp(t *testing.T) {
	for name, service := range compose(t).Services {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(jobs, name) {
				require.Equal(t, "no", service.Restart, "a job runs once and is patient by itself")
				require.Nil(t, service.HealthCheck)
				return
			}
			require.Equal(t, "unless-stopped", service.Restart)
			require.NotNil(t, service.HealthCheck)
			require.False(t, service.HealthCheck.Disable)
			require.Equal(t, "CMD", service.HealthCheck.Test[0])
			if program, ours := programs[name]; ours {
				require.Equal(t, types.HealthCheckTest{"CMD", "/" + program, "-check"}, service.HealthCheck.Test)
			}
		})
	}
}

func TestComposeStartsInOrder(t *testing.T) {
	services := compose(t).Services
	for name, service := range services {
		for earlier, dependency := range service.DependsOn {
			want := types.ServiceConditionHealthy
			if slices.Contains(jobs, earlier) {
				want = types.ServiceConditionCompletedSuccessfully
			}
			require.Equal(t, want, dependency.Condition, "%s waits for %s", name, earlier)
			require.True(t, dependency.Required)
		}
	}
	for _, chain := range [][]string{
		{"postgres", "schema", "temporal", "namespace", "worker", "demo"},
		{"namespace", "webhook", "demo"},
		{"namespace", "ui"},
		{"keys", "sandbox", "demo"},
		{"keys", "worker"},
		{"keys", "webhook"},
		{"prometheus", "grafana"},
	} {
		for i := range len(chain) - 1 {
			require.True(t, waitsFor(t, services, chain[i+1], chain[i], nil), "%s must wait for %s", chain[i+1], chain[i])
		}
	}
}

// waitsFor says whether a service starts only after another, and fails on a
// circle.
func waitsFor(t *testing.T, services types.Services, name, earlier string, path []string) bool {
	t.Helper()
	require.NotContains(t, path, name, "these wait for each other")
	found := false
	for dependency := range services[name].DependsOn {
		found = waitsFor(t, services, dependency, earlier, append(slices.Clone(path), name)) || dependency == earlier || found
	}
	return found
}

// What is mounted exists; secrets are written by one job and read by the rest;
// every file and directory our programs are pointed at lies in a volume whose
// mount point their image owns.
func TestComposeMounts(t *testing.T) {
	dockerfile := text(t, "Dockerfile")
	for name, service := range compose(t).Services {
		t.Run(name, func(t *testing.T) {
			var mounted []string
			for _, volume := range service.Volumes {
				mounted = append(mounted, volume.Target)
				switch {
				case volume.Type == types.VolumeTypeBind:
					require.True(t, volume.ReadOnly)
					require.DirExists(t, volume.Source)
				case volume.Source == "keys":
					require.Equal(t, name != "keys", volume.ReadOnly)
				}
				if _, ours := programs[name]; ours {
					require.Contains(t, dockerfile, "--chown=65532:65532 /out"+volume.Target+" "+volume.Target+"\n")
				}
			}
			for variable, value := range environment(t, service) {
				path, isBucket := strings.CutPrefix(value, "file://")
				if isBucket || strings.HasSuffix(variable, "_FILE") {
					require.True(t, slices.ContainsFunc(mounted, func(m string) bool { return path == m || filepath.Dir(path) == m }),
						variable)
				}
			}
			if len(service.Entrypoint) > 0 {
				require.Equal(t, "/bin/sh", service.Entrypoint[0])
				script, ok := strings.CutPrefix(service.Entrypoint[1], "/deploy/")
				require.True(t, ok)
				require.FileExists(t, filepath.Join(root, "deploy", "temporal", script))
			}
		})
	}
}

// Only who asks for dashboards gets them, and they find what they are pointed at.
func TestComposeObserves(t *testing.T) {
	services := compose(t).Services
	scraped := text(t, "deploy", "observability", "prometheus.yml")
	for _, admin := range []string{"worker:8082", "webhook:8081"} {
		require.Contains(t, scraped, `["`+admin+`"]`)
	}
	for name, service := range services {
		require.Equal(t, name == "prometheus" || name == "grafana", slices.Contains(service.Profiles, "observability"), name)
	}
	mounted := map[string]string{}
	for _, volume := range append(services["prometheus"].Volumes, services["grafana"].Volumes...) {
		mounted[volume.Target] = volume.Source
	}
	for file, dir := range map[string]string{"alerts.yaml": "/etc/prometheus", "prometheus.yml": "/etc/prometheus",
		"kyc.json": "/etc/grafana/dashboards"} {
		require.FileExists(t, filepath.Join(mounted[dir], file))
	}
	require.Contains(t, scraped, "/etc/prometheus/alerts.yaml")
	require.Contains(t, text(t, "deploy", "observability", "grafana", "dashboards", "kyc.yaml"),
		"path: /etc/grafana/dashboards\n")
	require.Contains(t, text(t, "deploy", "observability", "grafana", "datasources", "kyc.yaml"),
		"url: http://prometheus:9090\n")
}
