{{/* What all pods have in common: (dict "root" $ "component" "worker" "account" NAME). Where they run is set for each component or for all. */}}
{{- define "kyc.pod" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
# Or a Service whose name happens to begin with KYC would set variables of ours.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- $own := get .root.Values .component }}
{{- with $own.nodeSelector | default .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations | default .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity | default .root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* One zone or node that is lost takes a part of them at the most: (dict "root" $ "component" "worker"). */}}
{{- define "kyc.spread" -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "kyc.selector" $ | nindent 8 }}
    # Of a rollout, the new pods are spread by themselves.
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}

{{/* No program writes anywhere but to the bucket: uploads are streamed, so there is no /tmp either. */}}
{{- define "kyc.confined" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/*
/healthz says that the process lives; /readyz that Temporal answers it, too. A program that cannot reach Temporal at its start ends by itself, so
a broken configuration never replaces one that works. Once it is up, Temporal may be unavailable for a minute before the pod is taken out: until
then the webhook answers for itself, by 503 and Retry-After, where a Service without pods answers nothing.
*/}}
{{- define "kyc.probes" -}}
startupProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 30
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
livenessProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{/* A Deployment's annotations: Stakater's Reloader restarts its pods when the Secret changes. */}}
{{- define "kyc.reload" -}}
{{- if .Values.secrets.reload }}
annotations:
  secret.reloader.stakater.com/reload: {{ .Values.secrets.name | quote }}
{{- end }}
{{- end -}}

{{/* Pods' annotations: (dict "root" $ "port" 8081). */}}
{{- define "kyc.podAnnotations" -}}
{{- $all := deepCopy .root.Values.podAnnotations -}}
{{- if .root.Values.monitoring.annotations -}}
{{- $all = mergeOverwrite $all (dict "prometheus.io/scrape" "true" "prometheus.io/path" "/metrics" "prometheus.io/port" (toString .port)) -}}
{{- end -}}
{{- with $all }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
