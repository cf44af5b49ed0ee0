package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// chosen are the names of the pods that a selector finds.
func chosen(t *testing.T, r *release, selector metav1.LabelSelector) (names []string) {
	t.Helper()
	matches, err := metav1.LabelSelectorAsSelector(&selector)
	require.NoError(t, err)
	require.False(t, matches.Empty(), "it would choose everybody")
	for name, pod := range pods(t, r) {
		if matches.Matches(labels.Set(pod.Labels)) {
			names = append(names, name)
		}
	}
	return names
}

// listens reports whether a pod has a port of this name or number.
func listens(pod corev1.PodTemplateSpec, port intstr.IntOrString) bool {
	for _, p := range pod.Spec.Containers[0].Ports {
		if p.Name == port.StrVal || port.StrVal == "" && p.ContainerPort == port.IntVal {
			return true
		}
	}
	return false
}

func TestSelectorsChooseWhomTheyMean(t *testing.T) {
	eachSet(t, func(t *testing.T, r *release) {
		all := pods(t, r)
		guarded := map[string]int{}
		for _, budget := range typed[policyv1.PodDisruptionBudget](t, r) {
			names := chosen(t, r, *budget.Spec.Selector)
			require.Equal(t, []string{budget.Name}, names)
			guarded[budget.Name]++
		}
		accounts := map[string]bool{}
		for _, account := range typed[corev1.ServiceAccount](t, r) {
			accounts[account.Name] = true
			require.False(t, *account.AutomountServiceAccountToken)
		}
		for _, d := range typed[appsv1.Deployment](t, r) {
			require.Equal(t, []string{d.Name}, chosen(t, r, *d.Spec.Selector),
				"a Deployment that takes another's pods for its own ends them")
			if d.Spec.Template.Spec.Containers[0].Name != "sandbox" {
				require.Equal(t, 1, guarded[d.Name], "%s has no disruption budget", d.Name)
				for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
					require.Equal(t, []string{d.Name}, chosen(t, r, *spread.LabelSelector))
				}
				require.Len(t, d.Spec.Template.Spec.TopologySpreadConstraints, 2)
			}
		}
		for name, pod := range all {
			require.True(t, accounts[pod.Spec.ServiceAccountName], "%s runs as %s, which is nobody", name,
				pod.Spec.ServiceAccountName)
		}
	})
}

func TestServicesLeadSomewhere(t *testing.T) {
	eachSet(t, func(t *testing.T, r *release) {
		all := pods(t, r)
		services := map[string]corev1.Service{}
		for _, service := range typed[corev1.Service](t, r) {
			services[service.Name] = service
			names := chosen(t, r, metav1.LabelSelector{MatchLabels: service.Spec.Selector})
			require.NotEmpty(t, names, service.Name)
			for _, name := range names {
				require.True(t, listens(all[name], service.Spec.Ports[0].TargetPort), "%s has no port %s", name,
					service.Spec.Ports[0].TargetPort.String())
				require.Contains(t, name, strings.TrimSuffix(service.Name, "-admin"))
			}
			if service.Spec.Ports[0].TargetPort.StrVal == "admin" {
				require.Equal(t, corev1.ServiceTypeClusterIP, service.Spec.Type, "strangers must not reach %s", service.Name)
			}
		}
		for _, ingress := range typed[networkingv1.Ingress](t, r) {
			backend := ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service
			require.Contains(t, services, backend.Name)
			require.Equal(t, services[backend.Name].Spec.Ports[0].Name, backend.Port.Name)
			require.NotContains(t, backend.Name, "admin")
		}
		// Addresses in variables that name a Service of ours.
		for name, pod := range all {
			for _, variable := range pod.Spec.Containers[0].Env {
				host, inside := strings.CutPrefix(variable.Value, "http://")
				if inside && !strings.Contains(host, ".") {
					service, port, _ := strings.Cut(host, ":")
					require.Contains(t, services, service, "%s of %s", variable.Name, name)
					require.Equal(t, map[string]int32{"": 80, "8090": 8090}[port], services[service].Spec.Ports[0].Port)
				}
			}
		}
		for _, o := range r.objects {
			if o.kind() != "ServiceMonitor" {
				continue
			}
			spec := o.fields["spec"].(map[string]any)
			match := map[string]string{}
			for label, value := range spec["selector"].(map[string]any)["matchLabels"].(map[string]any) {
				match[label] = value.(string)
			}
			scraped := 0
			for _, service := range services {
				if labels.SelectorFromSet(match).Matches(labels.Set(service.Labels)) {
					scraped++
					require.Equal(t, spec["endpoints"].([]any)[0].(map[string]any)["port"], service.Spec.Ports[0].Name)
				}
			}
			require.Equal(t, 2, scraped, "worker and webhook")
		}
	})
}

func TestNetworkPoliciesLetInWhoMustComeIn(t *testing.T) {
	eachSet(t, func(t *testing.T, r *release) {
		all := pods(t, r)
		covered := map[string]bool{}
		for _, policy := range typed[networkingv1.NetworkPolicy](t, r) {
			names := chosen(t, r, policy.Spec.PodSelector)
			require.NotEmpty(t, names)
			require.Contains(t, policy.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
			for _, name := range names {
				covered[name] = true
				public := false
				for _, rule := range policy.Spec.Ingress {
					require.Len(t, rule.Ports, 1, "a rule without ports opens all of them")
					require.True(t, listens(all[name], *rule.Ports[0].Port), "%s has no port %s", name, rule.Ports[0].Port.String())
					public = public || rule.Ports[0].Port.StrVal == "public"
					if rule.Ports[0].Port.StrVal == "admin" {
						require.NotEmpty(t, rule.From, "everybody would reach the admin port of %s", name)
					}
				}
				require.Equal(t, all[name].Spec.Containers[0].Name == "webhook" || all[name].Spec.Containers[0].Name == "sandbox",
					public, name)
			}
			if len(policy.Spec.Egress) > 0 {
				require.Contains(t, policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
				require.EqualValues(t, 53, policy.Spec.Egress[0].Ports[0].Port.IntVal, "or no name is found")
			}
		}
		for name := range all {
			require.True(t, covered[name], "%s has no network policy", name)
		}
	})
}

func TestWhatScalesIsThereAndSetsNoNumberItself(t *testing.T) {
	found := 0
	eachSet(t, func(t *testing.T, r *release) {
		deployments := map[string]appsv1.Deployment{}
		for _, d := range typed[appsv1.Deployment](t, r) {
			deployments[d.Name] = d
		}
		scaled := map[string]bool{}
		for _, hpa := range typed[autoscalingv2.HorizontalPodAutoscaler](t, r) {
			scaled[hpa.Spec.ScaleTargetRef.Name] = true
		}
		for _, o := range r.objects {
			if o.kind() == "ScaledObject" {
				spec := o.fields["spec"].(map[string]any)
				target := spec["scaleTargetRef"].(map[string]any)["name"].(string)
				scaled[target] = true
				require.Positive(t, spec["minReplicaCount"])
				metadata := spec["triggers"].([]any)[0].(map[string]any)["metadata"].(map[string]any)
				image := deployments[target].Labels["app.kubernetes.io/version"]
				if build := metadata["workerDeploymentBuildId"]; build != nil {
					require.Equal(t, image, build, "it must look at its own version's backlog")
				}
			}
		}
		for name := range scaled {
			found++
			require.Contains(t, deployments, name)
			require.Nil(t, deployments[name].Spec.Replicas, "an upgrade would set %s back", name)
		}
	})
	require.Equal(t, 5, found, "three versions and a webhook in the cloud, a worker with certificates")
}

// An upgrade brings a new version beside the old one and leaves that alone.
func TestAKeptVersionIsNotRestarted(t *testing.T) {
	before := made(t, plain, with(t, "{image: {tag: 1.3.0}, worker: {deployment: kyc}}"))
	after := made(t, plain, with(t, "{image: {tag: 1.4.0}, worker: {deployment: kyc, keep: [1.3.0]}}"))
	all := pods(t, after)
	const old, current = "prod-durable-kyc-worker-1-3-0", "prod-durable-kyc-worker-1-4-0"
	require.Equal(t, pods(t, before)[old], all[old])
	require.Contains(t, all, current)
	require.NotContains(t, pods(t, before), current)
	require.Equal(t, "durable-kyc/worker:1.3.0", all[old].Spec.Containers[0].Image)
	require.Equal(t, "durable-kyc/worker:1.4.0", all[current].Spec.Containers[0].Image)
	require.Equal(t, "durable-kyc/webhook:1.4.0", all["prod-durable-kyc-webhook"].Spec.Containers[0].Image)
}

// The file of alert rules that Prometheus reads is what its operator takes, too.
func TestTheAlertRulesAreARule(t *testing.T) {
	known, err := loadSchemas(t.Context())
	require.NoError(t, err)
	rules := text(t, "deploy", "observability", "alerts.yaml")
	set, err := yaml.Marshal(map[string]any{"monitoring": map[string]any{"rules": rules}})
	require.NoError(t, err)
	found := false
	for _, o := range made(t, plain, with(t, string(set))).objects {
		if o.kind() == "PrometheusRule" {
			found = true
			require.NoError(t, known.check(o))
			var groups map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(rules), &groups))
			require.Equal(t, groups, o.fields["spec"])
		}
	}
	require.True(t, found)
}

// The gate and the set-up come before anything is touched, the promotion after it.
func TestJobsComeInTheirOrder(t *testing.T) {
	r := made(t, sets["cloud"]...)
	hooks := map[string][2]string{}
	for _, job := range typed[batchv1.Job](t, r) {
		hooks[strings.TrimPrefix(job.Name, "prod-durable-kyc-")] = [2]string{job.Annotations["helm.sh/hook"],
			job.Annotations["helm.sh/hook-weight"]}
		require.Equal(t, "before-hook-creation,hook-succeeded", job.Annotations["helm.sh/hook-delete-policy"],
			"what failed must stay to be read")
		require.Equal(t, corev1.RestartPolicyNever, job.Spec.Template.Spec.RestartPolicy)
		require.NotNil(t, job.Spec.ActiveDeadlineSeconds)
	}
	require.Equal(t, map[string][2]string{
		"setup":   {"pre-install,pre-upgrade", "-5"},
		"gate":    {"pre-upgrade", "0"},
		"promote": {"post-install,post-upgrade", "0"},
	}, hooks)
	for _, account := range typed[corev1.ServiceAccount](t, r) {
		if strings.HasSuffix(account.Name, "-jobs") {
			require.Equal(t, "pre-install,pre-upgrade", account.Annotations["helm.sh/hook"],
				"it must be there before the jobs are")
			require.Equal(t, "-10", account.Annotations["helm.sh/hook-weight"])
		}
	}
	require.Empty(t, typed[batchv1.Job](t, made(t, plain)))
}

func TestNotesSayWhatIsLeftToDo(t *testing.T) {
	require.Contains(t, made(t, plain).notes, "`starter setup` makes what is missing")
	require.NotContains(t, made(t, sets["cloud"]...).notes, "starter setup")
	require.Contains(t, made(t, plain, with(t, "worker: {deployment: kyc}")).notes, "starter setup --promote 0.1.0")
	require.Contains(t, made(t, plain, with(t, "config: {documents: 'file:///documents'}")).notes,
		"WARNING: config.documents")
	require.Contains(t, made(t, sets["trial"]...).notes, "no identity is checked")
}
