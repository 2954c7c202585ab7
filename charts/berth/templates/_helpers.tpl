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
{{- $account := "\nkind: ServiceAccount\nmetadata:\n" -}}
{{- $annotated := $account -}}
{{- with include "berth.accountAnnotations" . }}
  {{- $annotated = . | nindent 4 | printf "%s  annotations:%s\n" $account }}
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
{{- mustMergeOverwrite $base (include "berth.cloudConfig" . | fromYaml) .Values.controller.config | toYaml }}
{{- end }}

{{- /* What the file says to the providers that have settings: each a text. */}}
{{- define "berth.cloudConfig" -}}
{{- if has "aws-nlb" .Values.controller.providers }}
{{- with .Values.aws }}
{{- include "berth.fields" (list "awsNlb" (dict "Region" .region "VpcId" .vpcID "Endpoint" .endpoint
    "RulesPerGroup" .rulesPerGroup)) }}
{{- include "berth.truths" (list "awsNlb" (dict "AllowCustomEndpoint" .allowCustomEndpoint)) }}
{{- end }}
awsNlbAgents: {{ and .Values.agent.enabled (not .Values.agent.serviceProxyName) | quote }}
{{- end }}
{{- if has "gcp-l4" .Values.controller.providers }}
{{- with .Values.gcp }}
{{- include "berth.fields" (list "gcpL4" (dict
    "Project" .project "Region" .region "NetworkProject" .networkProject "Network" .network "Subnetwork" .subnetwork
    "Endpoint" .endpoint "Backends" .backends "NodeTags" (join "," .nodeTags)
    "ProbeRanges" (join "," .probeRanges) "InternalRanges" (join "," .internalRanges))) }}
{{- include "berth.truths" (list "gcpL4" (dict
    "DisableFirewalls" .disableFirewalls "AllowCustomEndpoint" .allowCustomEndpoint)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Those that say something: (list "awsNlb" (dict "Region" "eu-west-1")). */}}
{{- define "berth.fields" -}}
{{- $before := index . 0 }}
{{- range $name, $value := index . 1 }}
{{- with $value }}
{{ $before }}{{ $name }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The same of what is true or not. */}}
{{- define "berth.truths" -}}
{{- $before := index . 0 }}
{{- range $name, $value := index . 1 }}
{{- if $value }}
{{ $before }}{{ $name }}: "true"
{{- end }}
{{- end }}
{{- end }}

{{- /* Annotations of the account of a process: (list $ "agent"). */}}
{{- define "berth.accountAnnotations" -}}
{{- $root := index . 0 -}}
{{- $annotations := deepCopy (index $root.Values (index . 1)).serviceAccount.annotations -}}
{{- if eq (index . 1) "controller" -}}
{{- with $root.Values.aws.roleARN }}{{ $_ := set $annotations "eks.amazonaws.com/role-arn" . }}{{ end -}}
{{- with $root.Values.gcp.serviceAccount }}{{ $_ := set $annotations "iam.gke.io/gcp-service-account" . }}{{ end -}}
{{- end -}}
{{- with $annotations }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- /* What a pod knows that acts for the controller, beside its configuration: where it is, and who it is to clouds. */}}
{{- define "berth.controllerEnv" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
# Where the Lease is.
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.controller.trust.configMap }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/berth/trust/ca.crt
{{- end }}
{{- with .Values.aws.credentials }}
{{- $secret := .secret }}
{{- if and $secret (eq .as "env") }}
{{- range $key := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" }}
- name: {{ $key }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $key }}
      {{- if eq $key "AWS_SESSION_TOKEN" }}
      optional: true
      {{- end }}
{{- end }}
{{- else if $secret }}
- name: AWS_SHARED_CREDENTIALS_FILE
  value: /etc/berth/aws/credentials
{{- end }}
{{- end }}
{{- with .Values.gcp.credentials.secret }}
- name: GOOGLE_APPLICATION_CREDENTIALS
  value: /etc/berth/gcp/credentials.json
{{- end }}
{{- end }}

{{- define "berth.controllerMounts" -}}
- name: config
  mountPath: /etc/berth/controller.yaml
  subPath: controller.yaml
  readOnly: true
{{- with .Values.controller.trust.configMap }}
- name: trust
  mountPath: /etc/berth/trust
  readOnly: true
{{- end }}
{{- if and .Values.aws.credentials.secret (eq .Values.aws.credentials.as "file") }}
- name: aws
  mountPath: /etc/berth/aws
  readOnly: true
{{- end }}
{{- with .Values.gcp.credentials.secret }}
- name: gcp
  mountPath: /etc/berth/gcp
  readOnly: true
{{- end }}
{{- end }}

{{- define "berth.controllerVolumes" -}}
- name: config
  configMap:
    name: berth-controller
{{- with .Values.controller.trust }}
{{- if .configMap }}
- name: trust
  configMap:
    name: {{ .configMap }}
    items:
      - key: {{ .key }}
        path: ca.crt
{{- end }}
{{- end }}
{{- with .Values.aws.credentials }}
{{- if and .secret (eq .as "file") }}
- name: aws
  secret:
    secretName: {{ .secret }}
    items:
      - key: credentials
        path: credentials
{{- end }}
{{- end }}
{{- with .Values.gcp.credentials }}
{{- if .secret }}
- name: gcp
  secret:
    secretName: {{ .secret }}
    items:
      - key: {{ .key }}
        path: credentials.json
{{- end }}
{{- end }}
{{- end }}

{{- /* How pods reach the API server that cannot rely on the agents' ClusterIP: it and the cluster's DNS are theirs. */}}
{{- define "berth.apiServerEnv" -}}
{{- with .Values.agent.apiServer }}
{{- if .host -}}
# In place of the ClusterIP that the kubelet gives to every pod.
- name: KUBERNETES_SERVICE_HOST
  value: {{ .host | quote }}
- name: KUBERNETES_SERVICE_PORT
  value: {{ .port | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "berth.rootless" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "berth.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Annotations of an object that is there only while `helm uninstall` goes on: its weight. */}}
{{- define "berth.hook" -}}
annotations:
  helm.sh/hook: pre-delete
  helm.sh/hook-weight: {{ . | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  helm.sh/hook-output-log-policy: hook-failed
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

{{- /* A Job of the uninstall outlives the rules of its node: neither ClusterIPs nor the cluster's DNS are there then. */}}
{{- define "berth.jobNetwork" -}}
{{- if .Values.agent.enabled -}}
dnsPolicy: Default
{{- end }}
{{- end }}

{{- define "berth.jobEnv" -}}
{{- if .Values.agent.enabled }}{{ include "berth.apiServerEnv" . }}{{ end }}
{{- end }}
