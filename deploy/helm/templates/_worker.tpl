{{/* The pods of a worker: (dict "root" $ "worker" WORKER), one of kyc.workers. */}}
{{- define "kyc.worker.template" -}}
{{- $ := .root }}
{{- $worker := .worker }}
{{- $who := dict "root" $ "component" "worker" "tag" $worker.tag }}
{{- /* The Worker Controller mounts the client's certificate by itself. */}}
{{- $secrets := $ }}
{{- if $.Values.workerController.enabled }}
{{- $secrets = dict "Values" (dict "temporal" (set (deepCopy $.Values.temporal) "clientCertSecret" "")) }}
{{- end }}
{{- $keys := list "link_keys" "keyset" "notify_secret" "connectfi_login" "connectfi_password" }}
{{- if $.Values.config.records }}{{ $keys = append $keys "records_key" }}{{ end -}}
metadata:
  labels: {{- include "kyc.selector" $who | nindent 4 }}
    {{- with $.Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- include "kyc.podAnnotations" (dict "root" $ "port" 8082) | nindent 2 }}
spec:
  {{- include "kyc.pod" (dict "root" $ "component" "worker" "account" (include "kyc.fullname" $)) | nindent 2 }}
  {{- include "kyc.spread" $who | nindent 2 }}
  # The worker takes up to 30 seconds to let its activities end. It needs no preStop: it receives no requests.
  terminationGracePeriodSeconds: 45
  containers:
    - name: worker
      image: {{ include "kyc.image" (dict "root" $ "program" "worker" "tag" (ternary "" $worker.tag $worker.current)) }}
      {{- include "kyc.confined" $ | nindent 6 }}
      env:
        {{- if $.Values.workerController.enabled }}
        {{- include "kyc.env.temporal.more" $ | nindent 8 }}
        {{- else }}
        {{- include "kyc.env.temporal" $ | nindent 8 }}
        {{- end }}
        {{- include "kyc.env.keys" (dict "keys" $keys) | trim | nindent 8 }}
        {{- include "kyc.env.shared" $ | nindent 8 }}
        - {name: CONNECTFI_BASE_URL, value: {{ include "kyc.connectfi" $ | quote }}}
        - {name: KYC_ADMIN_LISTEN, value: "0.0.0.0:8082"}
        {{- with $.Values.worker.goMemLimit }}
        - {name: GOMEMLIMIT, value: {{ . }}}
        {{- end }}
        {{- with $.Values.config }}
        {{- with .callbackURL }}
        - {name: KYC_CALLBACK_URL, value: {{ . | quote }}}
        {{- else }}
        {{- if $.Values.sandbox.enabled }}
        - {name: KYC_CALLBACK_URL, value: "http://{{ include "kyc.fullname" $ }}-webhook"}
        {{- end }}
        {{- end }}
        {{- with .documentsGrace }}
        - {name: KYC_DOCUMENTS_GRACE, value: {{ . }}}
        {{- end }}
        {{- with .documentsSweep }}
        - {name: KYC_DOCUMENTS_SWEEP, value: {{ . }}}
        {{- end }}
        {{- with .recordsSweep }}
        - {name: KYC_RECORDS_SWEEP, value: {{ . }}}
        {{- end }}
        {{- with .recordsTSA }}
        - {name: KYC_RECORDS_TSA, value: {{ . | quote }}}
        {{- end }}
        {{- if .notifyAllowPrivate }}
        - {name: KYC_NOTIFY_ALLOW_PRIVATE, value: "true"}
        {{- end }}
        {{- with .policy }}
        - {name: KYC_POLICY, value: {{ . | quote }}}
        {{- end }}
        {{- with .readsPerSecond }}
        - {name: KYC_READS_PER_SECOND, value: {{ . | quote }}}
        {{- end }}
        {{- end }}
        {{- with $.Values.worker.cachedCases }}
        - {name: KYC_CACHED_CASES, value: {{ . | int | quote }}}
        {{- end }}
        {{- with $.Values.worker.deployment }}
        - {name: KYC_DEPLOYMENT, value: {{ . | quote }}}
        {{- end }}
        {{- include "kyc.env.extra" $ | nindent 8 }}
      {{- with $.Values.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: admin, containerPort: 8082}
      {{- include "kyc.probes" $ | nindent 6 }}
      resources: {{- toYaml $.Values.worker.resources | nindent 8 }}
      volumeMounts:
        - {name: keys, mountPath: /keys, readOnly: true}
        {{- include "kyc.mounts.temporal" $secrets | trim | nindent 8 }}
        {{- if $.Values.config.documentsClaim }}
        - {name: documents, mountPath: /documents}
        {{- end }}
        {{- with $.Values.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    {{- include "kyc.volumes.keys" (dict "root" $ "keys" $keys) | nindent 4 }}
    {{- include "kyc.volumes.temporal" $secrets | trim | nindent 4 }}
    {{- with $.Values.config.documentsClaim }}
    - name: documents
      persistentVolumeClaim: {claimName: {{ . }}}
    {{- end }}
    {{- with $.Values.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
{{- end -}}
