{{/*
The number of seconds, rounded up, in a duration as the configuration or Prometheus writes it, such as 30s, 5m, "1m 30s", 2min.
*/}}
{{- define "klag-exporter.seconds" -}}
{{- $sum := 0.0 }}
{{- $parts := regexFindAll "[0-9]+ *[a-z]+" (toString .) -1 }}
{{- if not $parts }}{{ fail (printf "%q is no duration that the rules can follow; set alerts.intervals" (toString .)) }}{{ end }}
{{- range $parts }}
{{- $number := regexFind "[0-9]+" . | float64 }}
{{- $unit := regexFind "[a-z]+" . }}
{{- if has $unit (list "ms" "msec" "millis") }}{{ $sum = addf $sum (divf $number 1000) }}
{{- else if hasPrefix "s" $unit }}{{ $sum = addf $sum $number }}
{{- else if hasPrefix "m" $unit }}{{ $sum = addf $sum (mulf $number 60) }}
{{- else if hasPrefix "h" $unit }}{{ $sum = addf $sum (mulf $number 3600) }}
{{- else if hasPrefix "d" $unit }}{{ $sum = addf $sum (mulf $number 86400) }}
{{- else }}{{ fail (printf "%q is no duration that the rules can follow; write it in s, m or h" .) }}
{{- end }}
{{- end }}
{{- ceil $sum | int }}
{{- end }}

{{/* The larger of two numbers of seconds, as a Prometheus duration such as 90s, 5m or 2h. */}}
{{- define "klag-exporter.duration" -}}
{{- $seconds := max (index . 0) (index . 1) | int }}
{{- if mod $seconds 60 }}{{ $seconds }}s{{ else if mod $seconds 3600 }}{{ div $seconds 60 }}m{{ else }}{{ div $seconds 3600 }}h{{ end }}
{{- end }}

{{/* The times that rules follow, in seconds: the intervals of collections and of scrapes, the longer of the two, and the lease duration. */}}
{{- define "klag-exporter.alerts.intervals" -}}
{{- $given := .Values.alerts.intervals }}
{{- $monitor := ternary .Values.podMonitor .Values.serviceMonitor .Values.podMonitor.enabled }}
{{- $scrape := default (dig "interval" "30s" (default dict $monitor.additionalEndpointConfig)) $given.scrape }}
{{- $poll := default (dig "poll_interval" "30s" .Values.config.exporter) $given.poll }}
{{- $scrape = include "klag-exporter.seconds" $scrape | int }}
{{- $poll = include "klag-exporter.seconds" $poll | int }}
{{- if gt $scrape 240 }}
{{- fail "the rules need a scrape interval of four minutes at most, because Prometheus forgets values after five minutes" }}
{{- end }}
{{- $lease := dig "lease_duration_secs" 15 (index .Values.config "exporter.leadership" | default dict) | int }}
{{- dict "poll" $poll "scrape" $scrape "longer" (max $poll $scrape) "lease" $lease | toYaml }}
{{- end }}

{{/*
The selector of this release's series, if the chart makes the monitors. Without monitors the rules are about
every release that Prometheus scrapes, and tell releases apart by namespace and job. A text in alerts.selector replaces it.
*/}}
{{- define "klag-exporter.alerts.selector" -}}
{{- if kindIs "string" .Values.alerts.selector }}
{{- .Values.alerts.selector }}
{{- else if or .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- printf `namespace="%s",job=~"%s(-telemetry|-elector)?"` .Release.Namespace (include "klag-exporter.fullname" .) }}
{{- end }}
{{- end }}

{{/*
Fails if a budget would make rules that Prometheus refuses, because it refuses all rules of a file together. The argument is a list: the
root context, the name of the budget, the budget. An empty alternative before a pattern fits every text, so a valid pattern fits then.
*/}}
{{- define "klag-exporter.alerts.check" -}}
{{- $alerts := (index . 0).Values.alerts }}
{{- $name := index . 1 }}
{{- $budget := index . 2 }}
{{- range compact (list $budget.cluster $budget.group) }}
{{- if not (regexMatch (printf "|%s" .) "") }}
{{- fail (printf "alerts.budgets: the pattern %q of %s is no regular expression" . $name) }}
{{- end }}
{{- end }}
{{- range $label, $_ := $budget.labels }}
{{- if has $label $alerts.targetLabels }}
{{- fail (printf "alerts.budgets, alerts.default: the label %s of %s is one of alerts.targetLabels, which tell groups apart; name it differently" $label $name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The labels that an owner may have, as a list in JSON. */}}
{{- define "klag-exporter.alerts.owned" -}}
{{- $owned := list "severity" "team" }}
{{- range append .Values.alerts.budgets .Values.alerts.default }}{{ $owned = concat $owned (keys (default dict .labels)) }}{{ end }}
{{- uniq $owned | sortAlpha | toJson }}
{{- end }}

{{/* The rules that record the budgets in alerts.budgets: first the budget of each group, then the seconds of each budget. */}}
{{- define "klag-exporter.alerts.budgets" -}}
{{- $candidates := list }}
{{- $seconds := list }}
{{- $names := list }}
{{- range $i, $budget := .Values.alerts.budgets }}
{{- $name := default (printf "budget-%d" $i) $budget.name }}
{{- if or (has $name $names) (eq $name "default") }}
{{- fail (printf "alerts.budgets: two are called %s; name them differently" $name) }}
{{- end }}
{{- $names = append $names $name }}
{{- include "klag-exporter.alerts.check" (list $ $name $budget) }}
{{- $matchers := printf "cluster_name=~%s,group=~%s" (default ".*" $budget.cluster | toRawJson) (default ".*" $budget.group | toRawJson) }}
{{- $expr := printf "0 * klag:kafka_consumergroup_group_state{%s} + %d" $matchers $i }}
{{- $candidates = append $candidates (dict "record" "klag:budget_candidate" "labels" (dict "budget" $name) "expr" $expr) }}
{{- $labels := dict "budget" $name "severity" (default "warning" $budget.severity) }}
{{- if $budget.batch }}{{ $_ := set $labels "batch" "true" }}{{ end }}
{{- $expr = printf "%v + 0 * (\n  klag:budget_candidate{budget=%s}\n  == on (namespace, job, cluster_name, group) group_left () klag:budget_first\n)\n" $budget.seconds (toRawJson $name) }}
{{- $seconds = append $seconds (dict "record" "klag:budget_seconds" "labels" (merge $labels (default dict $budget.labels)) "expr" $expr) }}
{{- end }}
{{- dict "candidates" $candidates "seconds" $seconds | toYaml }}
{{- end }}

{{/*
The expression of a rule, fitted to the release. The argument is a list: the root context, the rule, the times that rules follow. Quoted
texts in it, such as the patterns of budgets, stay as they are.
*/}}
{{- define "klag-exporter.alerts.expr" -}}
{{- $root := index . 0 }}
{{- $rule := index . 1 }}
{{- $every := index . 2 }}
{{- $quoted := `"(?:[^"\\]|\\.)*"` }}
{{- $texts := regexFindAll $quoted $rule.expr -1 }}
{{- range $i, $part := regexSplit $quoted $rule.expr -1 }}
{{- include "klag-exporter.alerts.part" (list $root $rule $every $part) }}
{{- if lt $i (len $texts) }}{{ index $texts $i }}{{ end }}
{{- end }}
{{- end }}

{{/* A part of a rule's expression without quoted texts, fitted to the release. It is the fourth element of the argument. */}}
{{- define "klag-exporter.alerts.part" -}}
{{- $root := index . 0 }}
{{- $rule := index . 1 }}
{{- $every := index . 2 }}
{{- $expr := index . 3 }}
{{- $alerts := $root.Values.alerts }}
{{- $longer := int $every.longer }}
{{- $poll := int $every.poll }}
{{- $memory := add 90 (mul 2 (int $every.scrape)) (mul 2 (int $every.lease)) }}
{{- /* A scrape sees one collection more or less, which is less than the tenth that KafkaGroupStuck allows for. */}}
{{- $trend := max 900 (mul (ternary 12 6 (eq (default "" $rule.alert) "KafkaGroupStuck")) $longer) }}
{{- $counted := add 60 (mul 2 $longer) }}
{{- $expr = replace "[3m" (printf "[%s" (include "klag-exporter.duration" (list $memory 180))) $expr }}
{{- if eq (default "" $rule.alert) "KafkaLagCollectionPartial" }}
{{- $expr = replace "[5m" (printf "[%s" (include "klag-exporter.duration" (list $counted 300))) $expr }}
{{- end }}
{{- $expr = replace "[10m" (printf "[%s" (include "klag-exporter.duration" (list $counted 600))) $expr }}
{{- $expr = replace "[15m" (printf "[%s" (include "klag-exporter.duration" (list $trend 0))) $expr }}
{{- $expr = replace "offset 15m" (printf "offset %s" (include "klag-exporter.duration" (list $trend 0))) $expr }}
{{- $expr = replace "* 900" (printf "* %d" (int $trend)) $expr }}
{{- $spell := max 1800 (mul 8 $longer) }}
{{- $expr = replace "[30m:30s]" (printf "[%s:30s]" (include "klag-exporter.duration" (list $spell 0))) $expr }}
{{- $expr = replace "/ 1800" (printf "/ %d" (int $spell)) $expr }}
{{- if eq (default "" $rule.alert) "KafkaLagStale" }}
{{- $expr = replace "> 600" (printf "> %d" (max 600 (add $memory (mul 3 $poll)) | int)) $expr }}
{{- else if eq (default "" $rule.alert) "KafkaLagCollectionSlow" }}
{{- $expr = replace "> 30" (printf "> %d" $poll) $expr }}
{{- else if hasPrefix "KafkaGroupBurnsBudget" (default "" $rule.alert) }}
{{- $expr = replace "* 0.01" (printf "* %g" (divf (subf 100 $alerts.objective) 100)) $expr }}
{{- end }}
{{- with $alerts.targetLabels }}
{{- $expr = replace "(namespace, " (printf "(%s, namespace, " (join ", " .)) $expr }}
{{- end }}
{{- with $alerts.clusterLabels }}
{{- $expr = regexReplaceAll `by \(([a-z_, ]*namespace, job, cluster_name)` $expr (printf "by (${1}, %s" (join ", " .)) }}
{{- end }}
{{- $owned := include "klag-exporter.alerts.owned" $root | fromJsonArray }}
{{- $expr = replace "group_left (severity, team)" (printf "group_left (%s)" (join ", " $owned)) $expr }}
{{- with include "klag-exporter.alerts.selector" $root }}
{{- $expr = regexReplaceAll `((?:klag:|\bkafka_)[a-z_:]+)` $expr "${1}§" }}
{{- $expr = replace "§{" (printf "{%s," .) $expr }}
{{- $expr = replace "§" (printf "{%s}" .) $expr }}
{{- end }}
{{- $expr }}
{{- end }}
