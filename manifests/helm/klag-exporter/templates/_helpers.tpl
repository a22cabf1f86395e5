{{- define "klag-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "klag-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- $both | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The labels that select the pods: those of klag-exporter's own chart, whose releases can be upgraded only with the same selector. */}}
{{- define "klag-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "klag-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of the chart and release. The headless Service has only these, so that selectors of the other Service do not find it. */}}
{{- define "klag-exporter.chartLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "klag-exporter.labels" -}}
app: {{ include "klag-exporter.fullname" . }}
{{ include "klag-exporter.selectorLabels" . }}
{{ include "klag-exporter.chartLabels" . }}
{{- end }}

{{- define "klag-exporter.serviceAccountName" -}}
{{- $made := ternary (include "klag-exporter.fullname" .) "default" .Values.serviceAccount.create }}
{{- default $made .Values.serviceAccount.name }}
{{- end }}

{{- define "klag-exporter.configMap" -}}
{{- default (printf "%s-config" (include "klag-exporter.fullname" .)) .Values.existingConfigMap }}
{{- end }}

{{/* "true" if the replicas elect one that collects, else nothing. */}}
{{- define "klag-exporter.election" -}}
{{- if (index .Values.config "exporter.leadership" | default dict).enabled }}true{{ end }}
{{- end }}

{{/* "true" if klag-exporter's elector is in the pod, else nothing. */}}
{{- define "klag-exporter.elector" -}}
{{- if and .Values.elector.enabled (include "klag-exporter.election" .) }}true{{ end }}
{{- end }}

{{/* The port at which the elector serves probes and metrics, or nothing if it does not serve them or is not in the pod. */}}
{{- define "klag-exporter.electorPort" -}}
{{- with (index .Values.config "exporter.leadership" | default dict).telemetry_listen }}
{{- if include "klag-exporter.elector" $ }}{{ splitList ":" . | last }}{{ end }}
{{- end }}
{{- end }}

{{- define "klag-exporter.leaseName" -}}
{{- (index .Values.config "exporter.leadership" | default dict).lease_name | default "klag-exporter" }}
{{- end }}

{{/* "true" if standbys are ready, else nothing. */}}
{{- define "klag-exporter.readyStandbys" -}}
{{- if ne (dig "httpGet" "path" "" .Values.readinessProbe) "/ready" }}true{{ end }}
{{- end }}

{{/*
The keys of a table in TOML, which takes JSON's strings, numbers, booleans and lists of them. Null and empty values are left out;
`text` is true where every value has to become a string.
*/}}
{{- define "klag-exporter.toml.keys" -}}
{{- range $key, $value := .table }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
{{ ternary $key ($key | quote) (regexMatch "^[A-Za-z0-9_-]+$" $key) }} = {{ if and $.text (not (kindIs "string" $value)) }}{{ toRawJson $value | quote }}{{ else }}{{ toRawJson $value }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
"true" if a property, {name, value}, may stand in a ConfigMap, else nothing. Only names known to hold no secret pass, those
that `collector --check` prints unmasked whatever their value, so every other property is withheld. A value that is a single reference to the environment
may stand there too, because it holds no secret.
*/}}
{{- define "klag-exporter.isPublic" -}}
{{- $public := list
  "aws.profile"
  "aws.region"
  "aws.role.arn"
  "aws.role.session.name"
  "broker.address.family"
  "client.dns.lookup"
  "client.rack"
  "debug"
  "enable.ssl.certificate.verification"
  "https.ca.location"
  "log_level"
  "sasl.kerberos.service.name"
  "sasl.mechanism"
  "sasl.mechanisms"
  "sasl.oauthbearer.client.credentials.client.id"
  "sasl.oauthbearer.client.id"
  "sasl.oauthbearer.method"
  "security.protocol"
  "ssl.endpoint.identification.algorithm" }}
{{- $reference := "^\\$\\{\\??[A-Za-z_][A-Za-z0-9_]*(:-)?\\}$" }}
{{- if or (has .name $public) (regexMatch "^ssl\\..+\\.location$" .name) (regexMatch $reference (toString .value)) }}true{{ end }}
{{- end }}

{{/* The properties of clusters that are kept out of the ConfigMap, as a JSON list of texts "CLUSTER: NAME". */}}
{{- define "klag-exporter.withheld" -}}
{{- $withheld := list }}
{{- if not .Values.existingConfigMap }}
{{- range $cluster := .Values.config.clusters }}
{{- range $name, $value := default $cluster.consumer_properties (index $cluster "clusters.consumer_properties") }}
{{- $absent := or (kindIs "invalid" $value) (eq (toString $value) "") }}
{{- if not (or $absent (include "klag-exporter.isPublic" (dict "name" $name "value" $value))) }}
{{- $withheld = append $withheld (printf "%s: %s" $cluster.name $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $withheld }}
{{- end }}

{{/* "true" if a value in config must not stand in a ConfigMap, so that the collector's configuration is in a Secret; else nothing. */}}
{{- define "klag-exporter.secretConfig" -}}
{{- if include "klag-exporter.withheld" . | fromJsonArray }}true{{ end }}
{{- end }}

{{/* The text of config.toml for `values`; if `public` is true, without the properties that only the collector may see. */}}
{{- define "klag-exporter.config" -}}
{{- $public := .public }}
{{- $config := deepCopy .values.config }}
{{- $leadership := index $config "exporter.leadership" | default dict }}
{{- if not $leadership.lease_namespace }}
{{- $_ := set $leadership "lease_namespace" "${POD_NAMESPACE}" }}
{{- end }}
{{- $_ := set $config "exporter.leadership" $leadership }}
{{- $web := index $config "exporter.web" | default dict }}
{{- if and .values.web.secretName (not $web.config_file) }}
{{- $_ := set $web "config_file" "/etc/klag-exporter-web/web.config.yml" }}
{{- end }}
{{- if $web }}
{{- $_ := set $config "exporter.web" $web }}
{{- end }}
{{- range $table, $keys := omit $config "clusters" }}
[{{ $table }}]
{{- include "klag-exporter.toml.keys" (dict "table" $keys "text" false) }}
{{ end }}
{{- range $config.clusters }}
[[clusters]]
{{- include "klag-exporter.toml.keys" (dict "table" (omit . "clusters.consumer_properties" "consumer_properties" "labels") "text" false) }}
{{- with default .consumer_properties (index . "clusters.consumer_properties") }}
{{- $shown := dict }}
{{- range $name, $value := . }}
{{- if or (not $public) (include "klag-exporter.isPublic" (dict "name" $name "value" $value)) }}
{{- $_ := set $shown $name $value }}
{{- end }}
{{- end }}
{{- with $shown }}

[clusters.consumer_properties]
{{- include "klag-exporter.toml.keys" (dict "table" . "text" true) }}
{{- end }}
{{- end }}
{{- with .labels }}

[clusters.labels]
{{- include "klag-exporter.toml.keys" (dict "table" . "text" true) }}
{{- end }}
{{ end }}
{{- end }}

{{/* The pod's name, namespace and uid, as environment of both containers. */}}
{{- define "klag-exporter.podEnv" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
{{- end }}

{{/* The mounts of a container for volumes in the form of customSecretVolumes. */}}
{{- define "klag-exporter.secretMounts" -}}
{{- range $volume := . }}
{{- if and .items .useSubPaths }}
{{- range .items }}
- name: {{ $volume.name }}
  mountPath: {{ $volume.mountPath }}/{{ .path }}
  subPath: {{ .path }}
  readOnly: {{ dig "readOnly" true $volume }}
{{- end }}
{{- else }}
- name: {{ .name }}
  mountPath: {{ .mountPath }}
  readOnly: {{ dig "readOnly" true . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The volumes of customSecretVolumes of the collector and the elector, as a JSON list. A volume that both mount is there once. */}}
{{- define "klag-exporter.secretVolumes" -}}
{{- $volumes := list }}
{{- $known := dict }}
{{- $lists := list .Values.customSecretVolumes }}
{{- if include "klag-exporter.elector" . }}
{{- $lists = append $lists .Values.elector.customSecretVolumes }}
{{- end }}
{{- range $list := $lists }}
{{- range $list }}
{{- $secret := dict "secretName" .secretName }}
{{- with .items }}
{{- $_ := set $secret "items" . }}
{{- end }}
{{- if not (hasKey $known .name) }}
{{- $volumes = append $volumes (dict "name" .name "secret" $secret) }}
{{- $_ := set $known .name $secret }}
{{- else if ne (toJson $secret) (toJson (get $known .name)) }}
{{- fail (printf "elector.customSecretVolumes: customSecretVolumes has another volume with the name %s; write another name" .name) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $volumes }}
{{- end }}
