{{- /* What every object of a process carries: (list $ "agent"). */}}
{{- define "berth.labels" -}}
{{- $root := index . 0 -}}
{{ include "berth.selector" . }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* What tells the pods of a process from others, and can never change: (list $ "agent"). */}}
{{- define "berth.selector" -}}
app.kubernetes.io/name: berth
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- /* Manifests of `files`, with labels, more metadata and the namespace of the release:
(list $ "agent" "rbac/agent.yaml" "  annotations: ..."). */}}
{{- define "berth.manifests" -}}
{{- $root := index . 0 -}}
{{- $metadata := include "berth.labels" . | nindent 4 | printf "  labels:%s" -}}
{{- with index . 3 }}{{ $metadata = printf "%s\n%s" $metadata . }}{{ end -}}
{{- $root.Files.Get (printf "files/%s" (index . 2))
    | replace "\nmetadata:\n" (printf "\nmetadata:\n%s\n" $metadata)
    | replace "namespace: kube-system" (printf "namespace: %s" $root.Release.Namespace) }}
{{- end }}

{{- /* The account and the rights of a process: (list $ "agent" "rbac/agent.yaml"). */}}
{{- define "berth.rights" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
{{- $account := "\nkind: ServiceAccount\nmetadata:\n" -}}
{{- $annotated := $account -}}
{{- with $values.serviceAccount.annotations }}
  {{- $annotated = toYaml . | nindent 4 | printf "%s  annotations:%s\n" $account }}
{{- end -}}
{{- include "berth.manifests" (append . "") | replace $account $annotated }}
{{- end }}

{{- /* The image of a process: (list $ .Values.agent.image). */}}
{{- define "berth.image" -}}
{{- $root := index . 0 -}}
{{- $own := index . 1 -}}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $own.repository -}}
{{- if $own.digest }}@{{ $own.digest }}{{ else }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{- /* What the values of a process say of its pods' metadata: (list $ "agent"). */}}
{{- define "berth.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values (index . 1) -}}
labels:
  {{- include "berth.selector" . | nindent 2 }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # A change of the file rolls the pods, a few at a time.
  checksum/config: {{ include (printf "berth.%sConfig" (index . 1)) $root | sha256sum }}
  {{- with $values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- /* What the values of a process say of where its pods run: .Values.agent. */}}
{{- define "berth.placement" -}}
priorityClassName: {{ .priorityClassName }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The file of `berth agent`. */}}
{{- define "berth.agentConfig" -}}
{{- $metrics := ternary "0.0.0.0:10249" "127.0.0.1:10249" .Values.metrics.expose -}}
{{- $base := dict
    "apiVersion" "kubeproxy.config.k8s.io/v1alpha1" "kind" "KubeProxyConfiguration"
    "healthzBindAddress" "0.0.0.0:10256" "metricsBindAddress" $metrics -}}
{{- mustMergeOverwrite $base .Values.agent.config | toYaml }}
{{- end }}

{{- /* The file of `berth controller`. The first provider is the one that serves Services without a class. */}}
{{- define "berth.controllerConfig" -}}
{{- $first := .Values.controller.defaultProvider -}}
{{- $base := dict
    "apiVersion" "controller.berth.dev/v1alpha1" "kind" "ControllerConfiguration"
    "providers" (without .Values.controller.providers $first | concat (ternary (list $first) list (ne $first "")))
    "ownUnclassed" (ne $first "") -}}
{{- with .Values.reservedPorts }}{{ $_ := set $base "reservedPorts" . }}{{ end -}}
{{- mustMergeOverwrite $base .Values.controller.config | toYaml }}
{{- end }}

{{- /* The port of an address such as 0.0.0.0:10256. */}}
{{- define "berth.port" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end }}

{{- /* A probe of a page at an address of the host network; the kubelet knows the node's own address. */}}
{{- define "berth.hostProbe" -}}
{{- $address := index . 1 -}}
{{- $host := regexReplaceAll "^\\[?(.*?)\\]?:[0-9]+$" $address "${1}" -}}
httpGet:
  path: {{ index . 0 }}
  port: {{ include "berth.port" $address }}
  {{- if not (has $host (list "0.0.0.0" "::" "")) }}
  host: {{ $host | quote }}
  {{- end }}
{{- end }}
