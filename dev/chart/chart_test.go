package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const (
	root  = "../.."
	chart = root + "/deploy/helm"
	plain = "testdata/values/plain.yaml"
)

// sets are what operators may set, each on top of the least that they must.
var sets = map[string][]string{
	"plain":  {plain},
	"cloud":  {plain, "testdata/values/cloud.yaml"},
	"mtls":   {plain, "testdata/values/mtls.yaml"},
	"trial":  {plain, "testdata/values/trial.yaml"},
	"shared": {plain, "testdata/values/shared.yaml"},

	"controller": {plain, "testdata/values/controller.yaml"},
}

// eachSet runs a test on what the chart makes of each of them.
func eachSet(t *testing.T, test func(*testing.T, *release)) {
	t.Helper()
	for name, files := range sets {
		t.Run(name, func(t *testing.T) { test(t, made(t, files...)) })
	}
}

func made(t *testing.T, files ...string) *release {
	t.Helper()
	r, err := render(chart, files...)
	require.NoError(t, err)
	return r
}

// with writes values that a test sets on top of others.
func with(t *testing.T, values string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(values), 0o600))
	return file
}

// typed are the objects of one kind, as Kubernetes' own type has them.
func typed[T any](t *testing.T, r *release) (all []T) {
	t.Helper()
	for _, o := range r.objects {
		if o.kind() == reflect.TypeFor[T]().Name() {
			var one T
			require.NoError(t, yaml.UnmarshalStrict([]byte(o.text), &one), o.name())
			all = append(all, one)
		}
	}
	return all
}

// pods are the templates of all pods, by who makes them.
func pods(t *testing.T, r *release) map[string]corev1.PodTemplateSpec {
	t.Helper()
	all := map[string]corev1.PodTemplateSpec{}
	for _, d := range typed[appsv1.Deployment](t, r) {
		all[d.Name] = d.Spec.Template
	}
	for _, j := range typed[batchv1.Job](t, r) {
		all[j.Name] = j.Spec.Template
	}
	for _, d := range typed[WorkerDeployment](t, r) {
		all[d.Name] = d.completed(r)
	}
	require.NotEmpty(t, all)
	return all
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(content)
}

func TestAClusterTakesEveryObject(t *testing.T) {
	known, err := loadSchemas(t.Context())
	require.NoError(t, err)
	kinds := map[string]bool{}
	eachSet(t, func(t *testing.T, r *release) {
		names := map[string]bool{}
		for _, o := range r.objects {
			require.NoError(t, known.check(o))
			require.False(t, names[o.kind()+o.name()], "two are called %s %s", o.kind(), o.name())
			names[o.kind()+o.name()] = true
			kinds[o.kind()] = true
		}
	})
	require.Len(t, kinds, 14, "each kind that the chart can make is in one of the sets: %v", kinds)
}

// What is checked is nothing if nothing is refused.
func TestAClusterRefuses(t *testing.T) {
	known, err := loadSchemas(t.Context())
	require.NoError(t, err)
	for wrong, mend := range map[string][2]string{
		"a misspelt field":                   {"runAsNonRoot", "runAsNoRoot"},
		"a container without a name":         {"- name: worker\n", "- image: x\n"},
		"no quantity":                        {"memory: 1Gi", "memory: 1 GB"},
		"a text for a number":                {"terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: long"},
		"a misspelt field of KEDA's":         {"maxReplicaCount", "maxReplicas"},
		"a trigger without a type":           {"- type: temporal\n", "- name: temporal\n"},
		"an interval of Prometheus' in vain": {"interval: 30s", "interval: often"},
		"a kind that nobody knows":           {"kind: Ingress", "kind: Egress"},
	} {
		t.Run(wrong, func(t *testing.T) {
			tried := 0
			for _, o := range made(t, sets["cloud"]...).objects {
				if broken := strings.Replace(o.text, mend[0], mend[1], 1); broken != o.text {
					tried++
					o.fields = nil
					require.NoError(t, yaml.Unmarshal([]byte(broken), &o.fields))
					require.Error(t, known.check(o), o.name())
				}
			}
			require.NotZero(t, tried)
		})
	}
}

func TestHelmHasNothingAgainstIt(t *testing.T) {
	for name, files := range sets {
		t.Run(name, func(t *testing.T) {
			against, err := findings(chart, files...)
			require.NoError(t, err)
			require.Empty(t, against)
		})
	}
}

// KEDA's schema takes any metadata; its scaler ignores what it does not know.
func TestTheScalerKnowsWhatItIsTold(t *testing.T) {
	schemas, err := loadSchemas(t.Context())
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(schemas.keda, "pkg", "scalers", "temporal_scaler.go"),
		nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	known := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		if field, ok := node.(*ast.Field); ok && field.Tag != nil {
			tag, err := strconv.Unquote(field.Tag.Value)
			require.NoError(t, err)
			if tag = reflect.StructTag(tag).Get("keda"); !strings.Contains(tag, "deprecated") {
				name := regexp.MustCompile(`name=(\w+)`).FindStringSubmatch(tag)
				order := regexp.MustCompile(`order=([\w;]+)`).FindStringSubmatch(tag)
				known[name[1]] = order[1]
			}
		}
		return true
	})
	require.Greater(t, len(known), 10)
	told := 0
	eachSet(t, func(t *testing.T, r *release) {
		for _, o := range r.objects {
			spec, _ := o.fields["spec"].(map[string]any)
			switch o.kind() {
			case "ScaledObject":
				trigger := spec["triggers"].([]any)[0].(map[string]any)
				require.Equal(t, "temporal", trigger["type"])
				for name := range trigger["metadata"].(map[string]any) {
					require.Contains(t, known[name], "triggerMetadata", name)
					told++
				}
				require.Equal(t, queue(t), trigger["metadata"].(map[string]any)["taskQueue"])
			case "TriggerAuthentication":
				for _, secret := range spec["secretTargetRef"].([]any) {
					require.Contains(t, known[secret.(map[string]any)["parameter"].(string)], "authParams")
				}
			}
		}
	})
	require.NotZero(t, told)
}

// queue is the task queue of the cases.
func queue(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "workflows", "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		if found := regexp.MustCompile(`\bTaskQueue += "([^"]+)"`).FindSubmatch(content); found != nil {
			return string(found[1])
		}
	}
	require.Fail(t, "package workflows names no task queue")
	return ""
}

func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	for says, values := range map[string]string{
		"/secrets/name":                       "secrets: {name: ''}",
		"/temporal/address":                   "temporal: {address: https://temporal.example}",
		"/config/publicURL":                   "config: {publicURL: ''}",
		"/config/documents":                   "config: {documents: 'file:///var/lib/kyc'}",
		"/image/tag":                          "image: {tag: 1.5}",
		"/ingress/paths/0/path":               "ingress: {paths: [{path: verify}]}",
		"/extraVolumeMounts/0":                "extraVolumeMounts: [{name: ca}]",
		"'replicsa' not allowed":              "worker: {replicsa: 3}",
		"/config/keysetKEK":                   "config: {keysetKEK: 'base64key://c2VjcmV0'}",
		"/extraEnv/0/name":                    "extraEnv: [{name: KYC_LINK_KEYS, value: x}]",
		"/worker/deployment":                  "worker: {deployment: kyc.eu}",
		"config.connectfiBaseURL must be set": "config: {connectfiBaseURL: ''}",
		"config.trustedProxies must be set where the ingress is on": "ingress: {enabled: true, host: verify.example.com}",
		"jobs.promote promotes a version of worker.deployment":      "jobs: {promote: {enabled: true}}",
		"codec.origins must be set where the codec endpoint is on":  "codec: {enabled: true}",
		"KEDA speaks TLS to Temporal only with": "{temporal: {tls: true}, worker: {keda: {enabled: " +
			"true}}}",
		"ingress.host must be set where the ingress is on": "ingress: {enabled: true}",
	} {
		t.Run(says, func(t *testing.T) {
			_, err := render(chart, plain, with(t, values))
			require.ErrorContains(t, err, says)
		})
	}
}

// A key of values.yaml that no template reads would be set in vain.
func TestEveryValueIsRead(t *testing.T) {
	var templates strings.Builder
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		templates.Write(content)
	}
	var values map[string]any
	require.NoError(t, yaml.UnmarshalStrict([]byte(text(t, "deploy", "helm", "values.yaml")), &values))
	var read func(path string, value any)
	read = func(path string, value any) {
		require.Regexp(t, `\.`+regexp.QuoteMeta(filepath.Ext("." + path)[1:])+`\b`, templates.String(), path)
		if inner, ok := value.(map[string]any); ok && !strings.HasSuffix(path, "esources") && path != "podSecurityContext" {
			for key, value := range inner {
				read(path+"."+key, value)
			}
		}
	}
	for key, value := range values {
		read(key, value)
	}
}
