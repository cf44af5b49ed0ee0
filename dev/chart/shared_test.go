package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// What a shared cluster asks of every chart: variables, volumes and nodes of its
// own, and paths beside those of others.
func TestASharedClusterIsServed(t *testing.T) {
	r := made(t, sets["shared"]...)
	pools := map[string]string{"worker": "workers", "webhook": "shared", "setup": "jobs", "gate": "jobs"}
	for name, pod := range pods(t, r) {
		container := pod.Spec.Containers[0]
		require.Len(t, container.EnvFrom, 1, name)
		require.Equal(t, "proxies", container.EnvFrom[0].ConfigMapRef.Name, name)
		mounted, volume := "", false
		for _, m := range container.VolumeMounts {
			if m.Name == "private-ca" {
				mounted = m.MountPath
			}
		}
		for _, v := range pod.Spec.Volumes {
			volume = volume || v.Name == "private-ca" && v.ConfigMap.Name == "private-ca"
		}
		require.Equal(t, "/etc/ssl/private-ca", mounted, name)
		require.True(t, volume, name)
		known := false
		for component, pool := range pools {
			if strings.Contains(name, "-"+component) {
				require.Equal(t, pool, pod.Spec.NodeSelector["pool"], name)
				known = true
			}
		}
		require.True(t, known, name)
		require.Equal(t, strings.Contains(name, "worker"), len(pod.Spec.Tolerations) > 0, name)
		require.Equal(t, strings.Contains(name, "webhook"), pod.Spec.Affinity != nil, name)
	}
	for _, d := range typed[appsv1.Deployment](t, r) {
		require.Equal(t, "kyc-secrets", d.Annotations["secret.reloader.stakater.com/reload"], d.Name)
	}
	for _, d := range typed[appsv1.Deployment](t, made(t, plain)) {
		require.Empty(t, d.Annotations, d.Name)
	}
	var paths []string
	for _, i := range typed[networkingv1.Ingress](t, r) {
		for _, p := range i.Spec.Rules[0].HTTP.Paths {
			require.Equal(t, networkingv1.PathTypePrefix, *p.PathType)
			paths = append(paths, p.Path)
		}
	}
	require.Equal(t, []string{"/verify", "/connectfi/callbacks"}, paths)
}

// A tag that YAML reads as a number is the tag that was written.
func TestNumericTagsAreTakenAsTheyAreWritten(t *testing.T) {
	r := made(t, sets["shared"]...)
	require.Contains(t, r.text(), `"durable-kyc/webhook:20260131"`)
	require.Contains(t, r.text(), `"durable-kyc/worker:20251231"`)
	require.NotContains(t, r.text(), "e+07")
}
