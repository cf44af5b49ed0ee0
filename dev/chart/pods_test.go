package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestPodsAreConfined(t *testing.T) {
	eachSet(t, func(t *testing.T, r *release) {
		for name, pod := range pods(t, r) {
			spec := pod.Spec
			require.False(t, *spec.AutomountServiceAccountToken, name)
			require.False(t, *spec.EnableServiceLinks, name)
			require.True(t, *spec.SecurityContext.RunAsNonRoot, name)
			if strings.HasSuffix(t.Name(), "/shared") {
				require.Nil(t, spec.SecurityContext.RunAsUser, "%s: OpenShift chooses", name)
				require.Nil(t, spec.SecurityContext.RunAsGroup, name)
				require.Nil(t, spec.SecurityContext.FSGroup, name)
			} else {
				require.EqualValues(t, 65532, *spec.SecurityContext.RunAsUser, name)
				require.EqualValues(t, 65532, *spec.SecurityContext.FSGroup, "%s: or nobody but root could read the secrets", name)
			}
			require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type, name)
			require.False(t, spec.HostNetwork || spec.HostPID || spec.HostIPC, name)
			require.Empty(t, spec.InitContainers)
			for _, c := range spec.Containers {
				require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, name)
				require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, name)
				require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, name)
				require.Empty(t, c.SecurityContext.Capabilities.Add, name)
				require.NotZero(t, c.Resources.Limits.Memory().Value(), name)
				require.NotZero(t, c.Resources.Requests.Cpu().MilliValue(), name)
				for _, mount := range c.VolumeMounts {
					require.True(t, mount.ReadOnly || mount.Name == "documents", "%s can write to %s", name, mount.MountPath)
				}
			}
		}
		require.NotContains(t, r.text(), "kind: Secret\n", "secrets are there already")
	})
}

func (r *release) text() string {
	var all strings.Builder
	for _, o := range r.objects {
		all.WriteString(o.text)
	}
	return all.String()
}

func TestImagesAreOfThisRelease(t *testing.T) {
	eachSet(t, func(t *testing.T, r *release) {
		for name, pod := range pods(t, r) {
			c := pod.Spec.Containers[0]
			require.Len(t, pod.Spec.Containers, 1, name)
			require.Regexp(t, `(^|/)`+c.Name+`(:`+regexp.QuoteMeta(r.version)+
				`|@sha256:[0-9a-f]{64}|:0\.0\.9|:0\.0\.8-rc\.1|:20260131|:20251231)$`, c.Image, name)
			require.DirExists(t, filepath.Join(root, c.Name), "the image of a program of ours")
		}
	})
	chartfile := text(t, "deploy", "helm", "Chart.yaml")
	version := regexp.MustCompile(`(?m)^version: (\S+)$`).FindStringSubmatch(chartfile)[1]
	require.Contains(t, chartfile, `appVersion: "`+version+`"`, "a chart is released with its programs")
}

// What is misspelt would be ignored without a word, and a secret in a variable
// would be read by whoever may look at a Deployment.
func TestVariablesAreKnownAndNoSecrets(t *testing.T) {
	temporal := temporals(t)
	seen := map[string]bool{}
	eachSet(t, func(t *testing.T, r *release) {
		for name, pod := range pods(t, r) {
			c := pod.Spec.Containers[0]
			known, secret := variables(t, c.Name)
			once := map[string]bool{}
			for _, variable := range c.Env {
				require.False(t, once[variable.Name], "%s has %s twice", name, variable.Name)
				once[variable.Name] = true
				if slices.Contains([]string{"GOMEMLIMIT", "GRPC_ENABLE_TXT_SERVICE_CONFIG", "AWS_REGION", "SSL_CERT_DIR"},
					variable.Name) {
					continue // of Go's runtime, gRPC's, and of the sets' extraEnv
				}
				base, byFile := strings.CutSuffix(variable.Name, "_FILE")
				if strings.HasPrefix(variable.Name, "TEMPORAL_") {
					base, byFile = variable.Name, false
					require.NotEqual(t, "sandbox", c.Name)
					require.Contains(t, append(known, temporal...), base, name)
					require.NotContains(t, base, "KEY_DATA")
					require.NotEqual(t, "TEMPORAL_API_KEY", base)
				} else {
					require.Contains(t, known, base, name)
				}
				require.Nil(t, variable.ValueFrom, variable.Name)
				require.NotEmpty(t, variable.Value, variable.Name)
				require.Equal(t, byFile, secret[base], "%s of %s: a secret comes by file, and nothing else does", variable.Name,
					name)
				seen[base] = true
			}
		}
	})
	// What a program can be told and the chart cannot.
	for _, program := range []string{"worker", "webhook"} {
		known, _ := variables(t, program)
		for _, variable := range known {
			require.True(t, seen[variable], "%s of the %s cannot be set: give it a value, or name it here with the reason",
				variable, program)
		}
	}
}

// variables are those that a program reads, and which of them are secrets.
func variables(t *testing.T, program string) (known []string, secret map[string]bool) {
	t.Helper()
	ours := regexp.MustCompile(`^(KYC|CONNECTFI|TEMPORAL)_[A-Z_]+$`)
	// Where no placeholder says so: a login is half of a password, and the starter's flags are no variables.
	secret = map[string]bool{"CONNECTFI_LOGIN": true, "KYC_KEYSET": true, "KYC_TLS_CERT": true}
	require.NoError(t, filepath.WalkDir(filepath.Join(root, program), func(file string, entry fs.DirEntry,
		err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			value, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			if tag := reflect.StructTag(value); ours.MatchString(tag.Get("env")) {
				known = append(known, tag.Get("env"))
				secret[tag.Get("env")] = secret[tag.Get("env")] || strings.HasPrefix(tag.Get("placeholder"), "SECRET")
			} else if program == "starter" && ours.MatchString(value) {
				known = append(known, value)
			}
			return true
		})
		return nil
	}))
	require.NotEmpty(t, known)
	return known, secret
}

// temporals are the variables that Temporal's own tools and ours read.
func temporals(t *testing.T) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "go.temporal.io/sdk/contrib/envconfig")
	list.Dir = root
	directory, err := list.Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(directory)), "*.go"))
	require.NoError(t, err)
	var all []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && strings.HasPrefix(literal.Value, `"TEMPORAL_`) {
				all = append(all, strings.Trim(literal.Value, `"`))
			}
			return true
		})
	}
	require.Contains(t, all, "TEMPORAL_ADDRESS")
	return all
}

// Each file that a variable names is in a volume, and a volume of secrets has
// no file that no variable names: a pod sees what it needs.
func TestSecretsAreFilesThatAreThere(t *testing.T) {
	drawn := regexp.MustCompile(`(?m)^\t\{"([a-z_]+)", `).FindAllStringSubmatch(text(t, "starter", "cli", "keys.go"), -1)
	keys := []string{"api_logins", "codec_tokens"} // which nobody can draw for an operator
	for _, file := range drawn {
		keys = append(keys, file[1])
	}
	require.Greater(t, len(keys), 6)
	keys = append(keys, "records_key") // starter keys log draws it, because its name is the operator's
	eachSet(t, func(t *testing.T, r *release) {
		for name, pod := range pods(t, r) {
			c := pod.Spec.Containers[0]
			volumes := map[string]corev1.Volume{}
			for _, volume := range pod.Spec.Volumes {
				volumes[volume.Name] = volume
			}
			require.Len(t, c.VolumeMounts, len(volumes), "%s: a volume that is not mounted, or the other way round", name)
			there, extra := map[string]bool{}, map[string]bool{}
			for _, mount := range c.VolumeMounts {
				volume, ok := volumes[mount.Name]
				require.True(t, ok, "%s mounts %s, which is no volume", name, mount.Name)
				if volume.ConfigMap != nil { // of the sets' extraVolumes
					extra[mount.MountPath] = true
					continue
				}
				if volume.Secret == nil {
					require.Equal(t, "/documents", mount.MountPath)
					continue
				}
				require.EqualValues(t, 0o440, *volume.Secret.DefaultMode)
				require.NotEmpty(t, volume.Secret.Items, "%s would see all of %s", name, volume.Secret.SecretName)
				for _, item := range volume.Secret.Items {
					there[path.Join(mount.MountPath, item.Path)] = true
					if mount.Name == "keys" {
						require.Contains(t, keys, item.Key)
						require.Equal(t, "kyc-secrets", volume.Secret.SecretName)
					}
				}
			}
			for _, variable := range c.Env {
				if file, _, _ := strings.Cut(variable.Value, ":"); strings.HasPrefix(file, "/") {
					require.True(t, there[file] || extra[file], "%s of %s names %s, which is not there", variable.Name, name, file)
					delete(there, file)
				}
			}
			require.Empty(t, there, "%s sees more than it reads", name)
		}
	})
}

func TestProbesAskWhatIsAnswered(t *testing.T) {
	admin := text(t, "internal", "httpserver", "admin.go")
	simulator := text(t, "sandbox", "simulator", "routes.go")
	eachSet(t, func(t *testing.T, r *release) {
		for _, d := range typed[appsv1.Deployment](t, r) {
			c := d.Spec.Template.Spec.Containers[0]
			ports := map[string]int32{}
			for _, port := range c.Ports {
				ports[port.Name] = port.ContainerPort
			}
			// The ports are those that the program is told to listen on.
			for _, variable := range c.Env {
				port := map[string]string{"KYC_LISTEN": "public", "KYC_ADMIN_LISTEN": "admin"}[variable.Name]
				if port != "" {
					require.Equal(t, "0.0.0.0:"+strconv.Itoa(int(ports[port])), variable.Value, d.Name)
				}
			}
			probes := []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe}
			if c.Name != "sandbox" {
				probes = append(probes, c.StartupProbe)
			}
			for _, probe := range probes {
				require.Contains(t, ports, probe.HTTPGet.Port.StrVal, d.Name)
				if c.Name == "sandbox" {
					require.Contains(t, simulator, `"GET `+probe.HTTPGet.Path+`"`)
				} else {
					require.Equal(t, "admin", probe.HTTPGet.Port.StrVal)
					require.Contains(t, admin, `"GET `+probe.HTTPGet.Path+`"`)
				}
				require.Greater(t, probe.TimeoutSeconds, int32(3), "httpserver.CheckTimeout is how long an answer may take")
			}
			require.NotEqual(t, "/readyz", c.LivenessProbe.HTTPGet.Path, "a Temporal that is away is no reason to kill anybody")
		}
	})
}

// Whoever is told to stop gets the time it was promised.
func TestPodsMayFinish(t *testing.T) {
	seconds := func(file, constant string) int64 {
		found := regexp.MustCompile(`(?m)^const ` + constant + ` = (\d+) \* time\.Second$`).FindStringSubmatch(text(t, file))
		require.NotNil(t, found, constant)
		n, err := strconv.ParseInt(found[1], 10, 64)
		require.NoError(t, err)
		return n
	}
	eachSet(t, func(t *testing.T, r *release) {
		for _, d := range typed[appsv1.Deployment](t, r) {
			spec := d.Spec.Template.Spec
			promised := seconds("internal/httpserver/httpserver.go", "Grace")
			switch spec.Containers[0].Name {
			case "worker":
				promised = max(promised, seconds("worker/taskqueue/taskqueue.go", "stopTimeout"), 30)
			case "webhook":
				promised += spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds
			}
			require.GreaterOrEqual(t, *spec.TerminationGracePeriodSeconds, promised+5, d.Name)
		}
	})
}

// The webhook's bound is added up in one place.
func TestTheWebhookHasTheMemoryThatIsAddedUp(t *testing.T) {
	for _, d := range typed[appsv1.Deployment](t, made(t, plain)) {
		c := d.Spec.Template.Spec.Containers[0]
		limit := ""
		for _, variable := range c.Env {
			if variable.Name == "GOMEMLIMIT" {
				limit = variable.Value
			}
		}
		require.Regexp(t, `^\d+MiB$`, limit)
		soft, err := strconv.ParseInt(strings.TrimSuffix(limit, "MiB"), 10, 64)
		require.NoError(t, err)
		require.Less(t, soft<<20, c.Resources.Limits.Memory().Value(), "room for what is not Go's")
		if c.Name == "webhook" {
			require.Contains(t, text(t, "docs", "reliability.md"), "`GOMEMLIMIT` is "+limit+" and the container has "+
				strconv.FormatInt(c.Resources.Limits.Memory().Value()>>20, 10)+"m")
		}
	}
}
