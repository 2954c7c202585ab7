// The fields of kube-proxy's configuration that the agent takes and does not follow, each with what happens instead.
import type { Fields } from "./field.ts";
import { bool, duration, float, flushFrequency, gates, int32, quantity, text, texts, vmodule } from "./kinds.ts";

export type IgnoredPath =
  | "clientConnection.acceptContentTypes"
  | "clientConnection.burst"
  | "clientConnection.contentType"
  | "clientConnection.qps"
  | "configSyncPeriod"
  | "enableProfiling"
  | "featureGates"
  | "ipvs.excludeCIDRs"
  | "ipvs.minSyncPeriod"
  | "ipvs.scheduler"
  | "ipvs.strictARP"
  | "ipvs.syncPeriod"
  | "ipvs.tcpFinTimeout"
  | "ipvs.tcpTimeout"
  | "ipvs.udpTimeout"
  | "logging.flushFrequency"
  | "logging.options.json.infoBufferSize"
  | "logging.options.json.splitStream"
  | "logging.options.text.infoBufferSize"
  | "logging.options.text.splitStream"
  | "logging.vmodule"
  | "nftables.masqueradeAll"
  | "nftables.masqueradeBit"
  | "nftables.minSyncPeriod"
  | "nftables.syncPeriod"
  | "portRange"
  | "showHiddenMetricsForVersion"
  | "windowsRunAsService"
  | "winkernel.enableDSR"
  | "winkernel.forwardHealthCheckVip"
  | "winkernel.networkName"
  | "winkernel.rootHnsEndpointName"
  | "winkernel.sourceVip";

const noIpvs = "this agent writes iptables rules, and there is no IPVS to set up";
const noNftables = "this agent writes iptables rules; give iptables.* instead";
const noWindows = "this agent runs on Linux";
const oneStream = "every line goes to standard error at once";

export const ignoredFields: Fields<IgnoredPath> = {
  "clientConnection.acceptContentTypes": {
    kind: text,
    fallback: "",
    help: "Accept header of requests",
    instead: "the agent speaks JSON",
  },
  "clientConnection.burst": {
    kind: int32,
    flag: "kube-api-burst",
    fallback: 10,
    help: "requests above kube-api-qps at once",
    instead: "the agent sends a handful of watches and one lease, so nothing is held back",
  },
  "clientConnection.contentType": {
    kind: text,
    flag: "kube-api-content-type",
    fallback: "application/vnd.kubernetes.protobuf",
    help: "content type of requests",
    instead: "the agent speaks JSON",
  },
  "clientConnection.qps": {
    kind: float,
    flag: "kube-api-qps",
    fallback: 5,
    help: "requests a second",
    instead: "the agent sends a handful of watches and one lease, so nothing is held back",
  },
  configSyncPeriod: {
    kind: duration,
    flag: "config-sync-period",
    fallback: 900_000,
    help: "how often informers replay what they hold",
    instead: "what the API server sent is never replayed: the agent compares its rules with the kernel's",
  },
  enableProfiling: {
    kind: bool,
    flag: "profiling",
    fallback: false,
    help: "serve Go's /debug/pprof",
    instead: "there is no Go to profile; run the agent with node's --cpu-prof",
  },
  featureGates: {
    kind: gates,
    flag: "feature-gates",
    fallback: {},
    omitEmpty: true,
    help: "alpha and beta features of Kubernetes",
    instead: "the agent has no feature gates",
  },
  "ipvs.excludeCIDRs": {
    kind: texts,
    flag: "ipvs-exclude-cidrs",
    fallback: [],
    help: "IPVS services to leave alone",
    instead: noIpvs,
  },
  "ipvs.minSyncPeriod": {
    kind: duration,
    flag: "ipvs-min-sync-period",
    fallback: 0,
    help: "shortest time between two writes of IPVS services",
    instead: noIpvs,
  },
  "ipvs.scheduler": {
    kind: text,
    flag: "ipvs-scheduler",
    fallback: "",
    help: "IPVS scheduler",
    instead: noIpvs,
  },
  "ipvs.strictARP": {
    kind: bool,
    flag: "ipvs-strict-arp",
    fallback: false,
    help: "answer ARP only for an interface's own addresses",
    instead: noIpvs,
  },
  "ipvs.syncPeriod": {
    kind: duration,
    flag: "ipvs-sync-period",
    fallback: 0,
    help: "how often IPVS services are written again",
    instead: noIpvs,
  },
  "ipvs.tcpFinTimeout": {
    kind: duration,
    flag: "ipvs-tcpfin-timeout",
    fallback: 0,
    help: "how long IPVS keeps a closing connection",
    instead: noIpvs,
  },
  "ipvs.tcpTimeout": {
    kind: duration,
    flag: "ipvs-tcp-timeout",
    fallback: 0,
    help: "how long IPVS keeps a silent connection",
    instead: noIpvs,
  },
  "ipvs.udpTimeout": {
    kind: duration,
    flag: "ipvs-udp-timeout",
    fallback: 0,
    help: "how long IPVS keeps a UDP flow",
    instead: noIpvs,
  },
  "logging.flushFrequency": {
    kind: flushFrequency,
    flag: "log-flush-frequency",
    fallback: 5000,
    help: "how often log lines are flushed",
    instead: oneStream,
    besideFile: true,
  },
  "logging.options.json.infoBufferSize": {
    kind: quantity,
    flag: "log-json-info-buffer-size",
    fallback: "0",
    help: "bytes of log lines to gather",
    instead: oneStream,
    besideFile: true,
  },
  "logging.options.json.splitStream": {
    kind: bool,
    flag: "log-json-split-stream",
    fallback: false,
    omitEmpty: true,
    help: "log to standard output and standard error",
    instead: oneStream,
    besideFile: true,
  },
  "logging.options.text.infoBufferSize": {
    kind: quantity,
    flag: "log-text-info-buffer-size",
    fallback: "0",
    help: "bytes of log lines to gather",
    instead: oneStream,
    besideFile: true,
  },
  "logging.options.text.splitStream": {
    kind: bool,
    flag: "log-text-split-stream",
    fallback: false,
    omitEmpty: true,
    help: "log to standard output and standard error",
    instead: oneStream,
    besideFile: true,
  },
  "logging.vmodule": {
    kind: vmodule,
    flag: "vmodule",
    fallback: [],
    omitEmpty: true,
    help: "how much single source files of Go log",
    instead: "levels hold for all of the agent; give -v or --log-level",
    besideFile: true,
  },
  "nftables.masqueradeAll": {
    kind: bool,
    fallback: false,
    help: "as iptables.masqueradeAll",
    instead: noNftables,
  },
  "nftables.masqueradeBit": {
    kind: int32,
    fallback: 14,
    pointer: true,
    help: "as iptables.masqueradeBit",
    instead: noNftables,
  },
  "nftables.minSyncPeriod": {
    kind: duration,
    fallback: 0,
    help: "as iptables.minSyncPeriod",
    instead: noNftables,
  },
  "nftables.syncPeriod": {
    kind: duration,
    fallback: 0,
    help: "as iptables.syncPeriod",
    instead: noNftables,
  },
  portRange: {
    kind: text,
    fallback: "",
    help: "ports of the userspace proxy, which is gone",
    instead: "kube-proxy has no use for it either",
  },
  showHiddenMetricsForVersion: {
    kind: text,
    flag: "show-hidden-metrics-for-version",
    fallback: "",
    help: "serve metrics that the release after this version hid",
    instead: "no metric is hidden",
  },
  windowsRunAsService: {
    kind: bool,
    fallback: false,
    omitEmpty: true,
    help: "be a Windows service",
    instead: noWindows,
  },
  "winkernel.enableDSR": { kind: bool, fallback: false, help: "direct server return", instead: noWindows },
  "winkernel.forwardHealthCheckVip": { kind: bool, fallback: false, help: "health checks of VIPs", instead: noWindows },
  "winkernel.networkName": {
    kind: text,
    fallback: "",
    help: "network of the host network service",
    instead: noWindows,
  },
  "winkernel.rootHnsEndpointName": { kind: text, fallback: "", help: "endpoint of the host", instead: noWindows },
  "winkernel.sourceVip": { kind: text, fallback: "", help: "source address behind a VIP", instead: noWindows },
};
