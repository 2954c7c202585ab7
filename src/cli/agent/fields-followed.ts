// The fields of kube-proxy's configuration that the agent follows.
import type { FieldPath, Fields } from "./field.ts";
import type { IgnoredPath } from "./fields-ignored.ts";
import { bool, duration, int32, joinedTexts, textOf, texts, verbosity } from "./kinds.ts";

export const followedFields: Fields<Exclude<FieldPath, IgnoredPath>> = {
  bindAddress: {
    kind: textOf("ip"),
    flag: "bind-address",
    fallback: "0.0.0.0",
    help: "the node's address, in place of the first one of its Node object; 0.0.0.0 or ::, no such wish",
  },
  bindAddressHardFail: {
    kind: bool,
    flag: "bind-address-hard-fail",
    fallback: false,
    help: "end when a port of the health or metrics server is taken, instead of trying again every 5 s",
  },
  "clientConnection.kubeconfig": {
    kind: textOf("file"),
    flag: "kubeconfig",
    fallback: "",
    help: "how to reach the API server; without it: as a pod of the cluster",
  },
  clusterCIDR: {
    kind: joinedTexts,
    flag: "cluster-cidr",
    fallback: [],
    help: "prefix of all pods, one for each family; without it pods are not told from others",
  },
  "conntrack.maxPerCore": {
    kind: int32,
    flag: "conntrack-max-per-core",
    fallback: 32_768,
    pointer: true,
    help: "connections to track for each core, at most 1048576 in all; 0 leaves the limit as it is",
  },
  "conntrack.min": {
    kind: int32,
    flag: "conntrack-min",
    fallback: 131_072,
    pointer: true,
    help: "connections to track at least, unless conntrack-max-per-core is 0",
  },
  "conntrack.tcpBeLiberal": {
    kind: bool,
    flag: "conntrack-tcp-be-liberal",
    fallback: false,
    help: "let TCP packets outside of their window pass (nf_conntrack_tcp_be_liberal)",
  },
  "conntrack.tcpCloseWaitTimeout": {
    kind: duration,
    flag: "conntrack-tcp-timeout-close-wait",
    fallback: 3_600_000,
    pointer: true,
    help: "how long a half-closed connection is tracked; 0 leaves it as it is",
  },
  "conntrack.tcpEstablishedTimeout": {
    kind: duration,
    flag: "conntrack-tcp-timeout-established",
    fallback: 86_400_000,
    pointer: true,
    help: "how long a silent connection is tracked; 0 leaves it as it is",
  },
  "conntrack.udpStreamTimeout": {
    kind: duration,
    flag: "conntrack-udp-timeout-stream",
    fallback: 0,
    help: "how long an answered UDP flow is tracked; 0 leaves it as it is",
  },
  "conntrack.udpTimeout": {
    kind: duration,
    flag: "conntrack-udp-timeout",
    fallback: 0,
    help: "how long an unanswered UDP flow is tracked; 0 leaves it as it is",
  },
  "detectLocal.bridgeInterface": {
    kind: textOf("interface"),
    flag: "pod-bridge-interface",
    fallback: "",
    help: "with BridgeInterface: the bridge that this node's pods are behind",
  },
  "detectLocal.interfaceNamePrefix": {
    kind: textOf("prefix"),
    flag: "pod-interface-name-prefix",
    fallback: "",
    help: "with InterfaceNamePrefix: how the interfaces of this node's pods begin",
  },
  detectLocalMode: {
    kind: textOf("mode"),
    flag: "detect-local-mode",
    fallback: "",
    help: "how pods are told from others: ClusterCIDR (default), NodeCIDR, BridgeInterface, InterfaceNamePrefix",
  },
  healthzBindAddress: {
    kind: textOf("ip:port"),
    flag: "healthz-bind-address",
    fallback: "0.0.0.0:10256",
    help: "where /healthz and /livez answer",
  },
  hostnameOverride: {
    kind: textOf("name"),
    flag: "hostname-override",
    fallback: "",
    help: "name of the Node object (default: this machine's host name)",
    besideFile: true,
  },
  "iptables.localhostNodePorts": {
    kind: bool,
    flag: "iptables-localhost-nodeports",
    fallback: false,
    pointer: true,
    help: "NodePorts answer on 127.0.0.0/8 too, which sets net.ipv4.conf.all.route_localnet",
    differs: "kube-proxy's default is true; it opens what listens on 127.0.0.1 to neighbours (CVE-2020-8558)",
  },
  "iptables.masqueradeAll": {
    kind: bool,
    flag: "masquerade-all",
    fallback: false,
    help: "give all traffic to ClusterIPs the node's source address",
  },
  "iptables.masqueradeBit": {
    kind: int32,
    flag: "iptables-masquerade-bit",
    fallback: 14,
    pointer: true,
    help: "bit of the packet mark that asks for the node's source address, 0 to 31",
  },
  "iptables.minSyncPeriod": {
    kind: duration,
    flag: "iptables-min-sync-period",
    fallback: 100,
    help: "shortest time between two writes of rules",
    differs:
      "kube-proxy's default is 1s; only what changed is written here, so changes need not be gathered for so long",
  },
  "iptables.syncPeriod": {
    kind: duration,
    flag: "iptables-sync-period",
    fallback: 30_000,
    help: "longest time between two tries to write rules that the kernel refused; /healthz fails after two of them",
  },
  "logging.format": {
    kind: textOf("format"),
    flag: "logging-format",
    fallback: "json",
    help: "how a log line looks: json or text",
    differs: "kube-proxy's default is text",
    besideFile: true,
  },
  "logging.verbosity": {
    kind: verbosity,
    flag: "v",
    short: "v",
    fallback: 0,
    help: "how much to log: up to 3 is the level info, from 4 on it is debug",
    besideFile: true,
  },
  metricsBindAddress: {
    kind: textOf("ip:port"),
    flag: "metrics-bind-address",
    fallback: "127.0.0.1:10249",
    help: "where /metrics, /proxyMode and /configz answer",
  },
  mode: {
    kind: textOf("mode"),
    flag: "proxy-mode",
    fallback: "",
    help: "iptables (default)",
    differs: "other modes are refused",
  },
  nodePortAddresses: {
    kind: texts,
    flag: "nodeport-addresses",
    fallback: [],
    help:
      "NodePorts answer only on the node's addresses within these prefixes; primary: on the addresses of its Node " +
      "object; localhost: on 127.0.0.0/8 and ::1; all: on every one (default)",
    differs: "primary stands alone: beside prefixes it is refused",
  },
  oomScoreAdj: {
    kind: int32,
    flag: "oom-score-adj",
    fallback: -999,
    pointer: true,
    help: "how soon the kernel ends the agent when memory is short, -1000 (never) to 1000",
  },
};
