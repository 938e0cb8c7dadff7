{{/* Labels of every object, none of them taken from the chart by the installation's. Takes {root, component},
     and in more the labels that are wanted on this object alone; a component of "" is left out. */}}
{{- define "cutline.labels" -}}
{{- $own := include "cutline.ownLabels" . | fromYaml }}
{{- mergeOverwrite (dict) (.root.Values.commonLabels | default dict) (.more | default dict) $own | toYaml }}
{{- end }}

{{- define "cutline.ownLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: cutline
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: cutline
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* The labels that select one process's pods. Takes {root, component}. */}}
{{- define "cutline.selectorLabels" -}}
app.kubernetes.io/name: cutline
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* An image reference. Takes {root, image}; a digest says more than a tag and wins. */}}
{{- define "cutline.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- end -}}
{{- end }}

{{/* What a pod needs to pass the restricted level. The image names its numeric user; leaving
     runAsUser out lets platforms that assign user ranges assign theirs. */}}
{{- define "cutline.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "cutline.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A port of the webhook. Takes {root, port}; values of a release before it could be set, kept with
     --reuse-values, mean the default. */}}
{{- define "cutline.webhookPort" -}}
{{- $default := dict "https" 8443 "metrics" 9090 }}
{{- get (.root.Values.webhook.ports | default dict) .port | default (get $default .port) | int }}
{{- end }}

{{/* The installation's topologySpreadConstraints, each about these pods unless it says otherwise. Takes {root,
     component, constraints}. */}}
{{- define "cutline.spread" -}}
{{- $selector := dict "matchLabels" (include "cutline.selectorLabels" . | fromYaml) }}
{{- range .constraints }}
- {{ hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" $selector) .) | toJson }}
{{- end }}
{{- end }}

{{/* Seconds in a duration such as 168h or 1h30m. */}}
{{- define "cutline.seconds" -}}
{{- $epoch := toDate "2006-01-02" "2000-01-01" -}}
{{- sub ($epoch | mustDateModify . | unixEpoch) ($epoch | unixEpoch) -}}
{{- end }}

{{/* The configuration file of both processes. */}}
{{- define "cutline.config" -}}
namespace: {{ toJson .Release.Namespace }}
webhookServiceAccount: cutline-webhook
operatorServiceAccount: cutline-operator
humans:
  userGroups: {{ toJson .Values.humans.userGroups }}
exempt: {{ toJson .Values.exempt }}
webhook:
  externalURL: {{ trimSuffix "/" .Values.webhook.externalURL | toJson }}
  service: {name: cutline-webhook, port: 443}
  clientCA: {{ toJson .Values.webhook.clientCA }}
  clientNames: {{ toJson .Values.webhook.clientNames }}
certificates:
  {{- toYaml (include "cutline.certificates" . | fromYaml) | nindent 2 }}
# The webhook configurations belong to this object of the release and go with it.
owner: {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: cutline-operator}
starterPolicy:
  enabled: {{ .Values.starterPolicy.enabled }}
  name: {{ toJson .Values.starterPolicy.name }}
  spec:
    enforcement: {{ .Values.starterPolicy.enforcement }}
    where:
      namespaces:
        matchLabels: {cutline.dev/line: production}
      cluster: [Nodes, Namespaces]
    lines:
    - name: seed-line
      actions: [Restart, Drain, Rollback, CutTraffic, ScaleDown, DisableFeature, Delete]
      require:
        approvals: {{ .Values.starterPolicy.approvals }}
        from:
        {{- range .Values.starterPolicy.approverGroups }}
        - userGroup: {{ toJson . }}
        {{- end }}
    onDeny: {{ .Values.starterPolicy.onDeny }}
retention:
  finishedProposals: {{ .Values.retention.finishedProposals }}
  admittedChanges: {{ .Values.retention.admittedChanges }}
{{- end }}

{{/* The processes' part of the values about certificates. Values of a release before there were any, kept
     with --reuse-values, mean the defaults. */}}
{{- define "cutline.certificates" -}}
{{- with .Values.certificates -}}
from: {{ .from }}
secretName: {{ include "cutline.certificateSecret" $ | toJson }}
caBundle: {{ toJson .caBundle }}
announceFor: {{ .announceFor }}
trustFormerFor: {{ .trustFormerFor }}
renewBefore: {{ .renewBefore }}
{{- else -}}
from: Operator
{{- end -}}
{{- end }}

{{/* The Secret with the certificate that others make; empty where the operator makes it. */}}
{{- define "cutline.certificateSecret" -}}
{{- $from := dig "from" "Operator" (.Values.certificates | default dict) -}}
{{- if eq $from "CertManager" -}}
cutline-webhook-issued
{{- else if eq $from "Secret" -}}
{{ .Values.certificates.secretName }}
{{- end -}}
{{- end }}

{{/* What the schema cannot refuse: it can say what one value must be while another is so and so, but
     it can neither compare two numbers or durations with each other nor look into the cluster. */}}
{{- define "cutline.validate" -}}
{{- if ge (int .Values.webhook.preStopSeconds) (int .Values.webhook.terminationGracePeriodSeconds) -}}
{{- fail "webhook.preStopSeconds must be less than webhook.terminationGracePeriodSeconds, or requests under way are cut off." -}}
{{- end -}}
{{- if eq (include "cutline.webhookPort" (dict "root" . "port" "https")) (include "cutline.webhookPort" (dict "root" . "port" "metrics")) -}}
{{- fail "webhook.ports.metrics must not be webhook.ports.https: the webhook listens on both." -}}
{{- end -}}
{{- with .Values.certificates -}}
{{- if ge (include "cutline.seconds" .renewBefore | int64) (include "cutline.seconds" .duration | int64) -}}
{{- fail "certificates.renewBefore must be less than certificates.duration, or every certificate would be replaced at once." -}}
{{- end -}}
{{- end -}}
{{- if lt (include "cutline.seconds" .Values.retention.admittedChanges | int64) (include "cutline.seconds" .Values.retention.finishedProposals | int64) -}}
{{- fail "retention.admittedChanges is shorter than retention.finishedProposals: the record of a use must not go before the proposal that was used." -}}
{{- end -}}
{{- $other := lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "cutline-operator" -}}
{{- if $other -}}
{{- $notes := default dict $other.metadata.annotations -}}
{{- $name := get $notes "meta.helm.sh/release-name" -}}
{{- $namespace := get $notes "meta.helm.sh/release-namespace" -}}
{{- if and $name (or (ne $name .Release.Name) (ne $namespace .Release.Namespace)) -}}
{{- fail (printf "Cutline is installed in this cluster already, as release %s in namespace %s. One cluster has one gate: upgrade that release, or uninstall it first." $name $namespace) -}}
{{- end -}}
{{- end -}}
{{- end }}
