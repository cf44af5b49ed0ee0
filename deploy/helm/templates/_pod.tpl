{{/* What all pods have in common: (dict "root" $ "component" "worker" "account" NAME). */}}
{{- define "kyc.pod" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
# Or a Service whose name happens to begin with KYC would set variables of ours.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # Whom the files of Secrets are readable for.
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
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
a broken configuration never replaces one that works. Once it is up, Temporal may be away for a minute before the pod is taken out: until
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
