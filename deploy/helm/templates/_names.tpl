{{- define "kyc.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 36 | trimSuffix "-" }}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{ .Release.Name | trunc 36 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 36 | trimSuffix "-" }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kyc.tag" -}}
{{ include "kyc.text" .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* A value as text: a whole number that YAML has read as a float is written out, and not as 2.0260131e+07. */}}
{{- define "kyc.text" -}}
{{ kindIs "float64" . | ternary (. | int64 | toString) (. | toString) }}
{{- end -}}

{{/* The image of a program: (dict "root" $ "program" "worker"), and "tag" for an older one. */}}
{{- define "kyc.image" -}}
{{- $image := .root.Values.image -}}
{{- $digest := get $image.digests .program -}}
{{- if and $digest (not (get . "tag")) -}}
{{ printf "%s/%s@%s" $image.repository .program $digest | quote }}
{{- else -}}
{{ printf "%s/%s:%s" $image.repository .program (get . "tag" | default (include "kyc.tag" .root)) | quote }}
{{- end -}}
{{- end -}}

{{/* Labels that find the pods of a component: (dict "root" $ "component" "worker"), and "tag" for one version of it. They never change. */}}
{{- define "kyc.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with get . "tag" }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* What every object is labelled with. */}}
{{- define "kyc.labels" -}}
{{ include "kyc.selector" . }}
{{- if not (get . "tag") }}
app.kubernetes.io/version: {{ include "kyc.tag" .root | quote }}
{{- end }}
app.kubernetes.io/part-of: durable-kyc
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* The workers that there are, as JSON: one, or with versions one for each, the current build first. */}}
{{- define "kyc.workers" -}}
{{- $name := printf "%s-worker" (include "kyc.fullname" .) -}}
{{- $all := list -}}
{{- if .Values.worker.deployment -}}
{{- $tags := list (include "kyc.tag" .) -}}
{{- range .Values.worker.keep }}{{ $tags = append $tags (include "kyc.text" .) }}{{ end -}}
{{- range $tag := $tags | uniq -}}
{{- $all = append $all (dict "name" (printf "%s-%s" $name (regexReplaceAll "[^a-z0-9]+" (lower $tag) "-" | trunc 16 | trimSuffix "-")) "tag" $tag "current" (eq $tag (include "kyc.tag" $))) -}}
{{- end -}}
{{- else -}}
{{- $all = append $all (dict "name" $name "tag" "" "current" true) -}}
{{- end -}}
{{ toJson $all }}
{{- end -}}
