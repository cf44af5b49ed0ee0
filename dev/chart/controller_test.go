package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WorkerDeployment is what the chart sets of Temporal's Worker Controller's kind.
type WorkerDeployment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Replicas      int32 `json:"replicas"`
		WorkerOptions struct {
			ConnectionRef     corev1.LocalObjectReference `json:"connectionRef"`
			TemporalNamespace string                      `json:"temporalNamespace"`
		} `json:"workerOptions"`
		Rollout struct {
			Strategy string `json:"strategy"`
			Steps    []struct {
				RampPercentage int    `json:"rampPercentage"`
				PauseDuration  string `json:"pauseDuration"`
			} `json:"steps"`
			Gate *struct {
				WorkflowType string `json:"workflowType"`
			} `json:"gate"`
		} `json:"rollout"`
		Sunset   map[string]string      `json:"sunset"`
		Template corev1.PodTemplateSpec `json:"template"`
	} `json:"spec"`
}

// Connection says how the controller reaches Temporal.
type Connection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		HostPort           string                       `json:"hostPort"`
		TLS                map[string]string            `json:"tls"`
		MutualTLSSecretRef *corev1.LocalObjectReference `json:"mutualTLSSecretRef"`
		APIKeySecretRef    *corev1.SecretKeySelector    `json:"apiKeySecretRef"`
	} `json:"spec"`
}

// completed is the pod as the controller makes it: it adds how Temporal is reached, and which version it is
// (internal/k8s/deployments.go of 1.8.1).
func (d WorkerDeployment) completed(r *release) corev1.PodTemplateSpec {
	pod := *d.Spec.Template.DeepCopy()
	c := &pod.Spec.Containers[0]
	for name, value := range map[string]string{"TEMPORAL_ADDRESS": "temporal:7233",
		"TEMPORAL_NAMESPACE": d.Spec.WorkerOptions.TemporalNamespace, "TEMPORAL_DEPLOYMENT_NAME": namespace + "/" + d.Name,
		"TEMPORAL_WORKER_BUILD_ID": r.version} {
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	}
	return pod
}

// With the Worker Controller, it makes the Deployments of workers, and the chart none.
func TestWorkersByTheWorkerController(t *testing.T) {
	for _, d := range typed[appsv1.Deployment](t, made(t, sets["controller"]...)) {
		require.NotEqual(t, "worker", d.Spec.Template.Spec.Containers[0].Name)
	}
	r := made(t, sets["controller"]...)
	d, connection := typed[WorkerDeployment](t, r)[0], typed[Connection](t, r)[0]
	require.Equal(t, connection.Name, d.Spec.WorkerOptions.ConnectionRef.Name)
	require.Equal(t, "temporal-client", connection.Spec.MutualTLSSecretRef.Name)
	require.Equal(t, map[string]string{"serverName": "temporal.example.com"}, connection.Spec.TLS)
	require.Equal(t, "Progressive", d.Spec.Rollout.Strategy)
	require.Equal(t, 10, d.Spec.Rollout.Steps[0].RampPercentage)
	require.Equal(t, "KYCReplayCheck", d.Spec.Rollout.Gate.WorkflowType)
	require.Contains(t, text(t, "worker", "taskqueue", "replay_check.go"), `ReplayCheckType = "KYCReplayCheck"`)
	for _, variable := range d.Spec.Template.Spec.Containers[0].Env {
		require.NotContains(t, []string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_TLS", "KYC_DEPLOYMENT"},
			variable.Name, "the controller sets it")
	}

	require.Empty(t, typed[WorkerDeployment](t, made(t, plain)), "the plain way stays the default")
	off := made(t, append(sets["controller"], with(t, "workerController: {gate: false, strategy: Manual}"))...)
	require.Nil(t, typed[WorkerDeployment](t, off)[0].Spec.Rollout.Gate)
	key := made(t, plain, with(t, "workerController: {enabled: true, apiKeySecret: temporal-key}\ntemporal: {tls: true}"))
	require.Equal(t, "api_key", typed[Connection](t, key)[0].Spec.APIKeySecretRef.Key)
	for says, values := range map[string]string{
		"leave worker.deployment, worker.keep and jobs.promote out": "worker: {deployment: kyc}",
		"enable one of them":             "worker: {keda: {enabled: true}}",
		"speaks TLS to Temporal only":    "temporal: {tls: true}",
		"workerController.steps must be": "workerController: {strategy: Progressive}",
	} {
		_, err := render(chart, plain, with(t, "workerController: {enabled: true}"), with(t, values))
		require.ErrorContains(t, err, says)
	}
}
