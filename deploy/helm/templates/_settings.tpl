{{/* The programs' settings, as variables; secrets only as the names of files. Where a value is not set, neither is its variable. */}}

{{/* How Temporal is found. */}}
{{- define "kyc.env.temporal" -}}
{{- with .Values.temporal -}}
- {name: TEMPORAL_ADDRESS, value: {{ .address | quote }}}
- {name: TEMPORAL_NAMESPACE, value: {{ .namespace | quote }}}
{{- if or .tls .clientCertSecret .serverCASecret .serverName }}
- {name: TEMPORAL_TLS, value: "true"}
{{- end }}
{{- with .serverName }}
- {name: TEMPORAL_TLS_SERVER_NAME, value: {{ . | quote }}}
{{- end }}
{{- if .clientCertSecret }}
- {name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /temporal/client/tls.crt}
- {name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /temporal/client/tls.key}
{{- end }}
{{- end }}
{{ include "kyc.env.temporal.more" . }}
{{- end -}}

{{/* What the Worker Controller does not set of it in the pods that it makes. */}}
{{- define "kyc.env.temporal.more" -}}
{{- with .Values.temporal -}}
# Or gRPC asks the name servers for a TXT record, too, whenever it connects.
- {name: GRPC_ENABLE_TXT_SERVICE_CONFIG, value: "false"}
{{- if .serverCASecret }}
- {name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /temporal/ca/ca.crt}
{{- end }}
{{- if .profileSecret }}
- {name: TEMPORAL_CONFIG_FILE, value: /temporal/profile/temporal.toml}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kyc.mounts.temporal" -}}
{{- with .Values.temporal }}
{{- if .clientCertSecret }}
- {name: temporal-client, mountPath: /temporal/client, readOnly: true}
{{- end }}
{{- if .serverCASecret }}
- {name: temporal-ca, mountPath: /temporal/ca, readOnly: true}
{{- end }}
{{- if .profileSecret }}
- {name: temporal-profile, mountPath: /temporal/profile, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kyc.volumes.temporal" -}}
{{- with .Values.temporal }}
{{- with .clientCertSecret }}
- name: temporal-client
  secret: {secretName: {{ . }}, defaultMode: 0440, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}
{{- end }}
{{- with .serverCASecret }}
- name: temporal-ca
  secret: {secretName: {{ . }}, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with .profileSecret }}
- name: temporal-profile
  secret: {secretName: {{ . }}, defaultMode: 0440, items: [{key: temporal.toml, path: temporal.toml}]}
{{- end }}
{{- end }}
{{- end -}}

{{/* The keys of the Secret that a program needs, as variables: (dict "keys" (list …)). */}}
{{- define "kyc.env.keys" -}}
{{- $variables := dict "link_keys" "KYC_LINK_KEYS" "keyset" "KYC_KEYSET" "notify_secret" "KYC_NOTIFY_SECRET" "connectfi_login" "CONNECTFI_LOGIN"
      "connectfi_password" "CONNECTFI_PASSWORD" "api_tokens" "KYC_API_TOKENS" "api_logins" "KYC_API_LOGINS" "codec_tokens" "KYC_CODEC_TOKENS" "records_key" "KYC_RECORDS_KEY" -}}
{{- range .keys }}
- {name: {{ get $variables . }}_FILE, value: /keys/{{ . }}}
{{- end }}
{{- end -}}

{{/* And as a volume that has these and no others: (dict "root" $ "keys" (list …)). */}}
{{- define "kyc.volumes.keys" -}}
- name: keys
  secret:
    secretName: {{ required "secrets.name must be set: the Secret that worker and webhook read" .root.Values.secrets.name }}
    defaultMode: 0440
    items:
    {{- range .keys }}
      - {key: {{ . }}, path: {{ . }}}
    {{- end }}
{{- end -}}

{{/* The settings that worker and webhook share. */}}
{{- define "kyc.env.shared" -}}
{{- with .Values.config }}
- {name: KYC_PUBLIC_URL, value: {{ .publicURL | quote }}}
- {name: KYC_DOCUMENTS, value: {{ .documents | quote }}}
- {name: KYC_LOG, value: {{ .logFormat }}}
{{- with .keysetKEK }}
- {name: KYC_KEYSET_KEK, value: {{ . | quote }}}
{{- end }}
{{- with .notifyURL }}
- {name: KYC_NOTIFY_URL, value: {{ . | quote }}}
{{- end }}
{{- with .records }}
- {name: KYC_RECORDS, value: {{ . | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kyc.connectfi" -}}
{{- if .Values.sandbox.enabled -}}
http://{{ include "kyc.fullname" . }}-sandbox:8090
{{- else -}}
{{ required "config.connectfiBaseURL must be set" .Values.config.connectfiBaseURL }}
{{- end -}}
{{- end -}}

{{- define "kyc.env.extra" -}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
