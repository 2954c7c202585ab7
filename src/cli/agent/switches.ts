// The flags of which the file knows nothing: what to do with a file, what to do instead of running, and Berth's own.
import { kubePrefix, type VipRouteMode } from "../../agent/index.ts";
import { agentLeaseNamespace } from "../../api/index.ts";
import type { Cidr, PortRange } from "../../net/index.ts";
import { defaultReservedPorts } from "../flags.ts";
import {
  bool,
  chainPrefix,
  duration,
  externalIps,
  int32,
  type Kind,
  logFormat,
  logLevel,
  portRanges,
  proxyName,
  routeMode,
  textOf,
  versionWord,
} from "./kinds.ts";

/** Durations in milliseconds; undefined where there is no default. */
export interface SwitchValues {
  readonly "allow-external-ips": readonly Cidr[];
  readonly "api-server-timeout": number;
  readonly cleanup: boolean;
  readonly config: string;
  readonly "enforce-jump-order": boolean;
  readonly force: boolean;
  readonly "healthz-port": number;
  readonly "init-only": boolean;
  readonly "iptables-chain-prefix": string;
  readonly "local-vip-routes": VipRouteMode;
  readonly "log-format": string;
  readonly "log-level": string;
  readonly master: string;
  readonly "metrics-port": number;
  readonly namespace: string;
  readonly "node-name": string;
  readonly "reserved-ports": readonly PortRange[];
  readonly "service-proxy-name": string;
  readonly version: string;
  readonly "write-config-to": string;
}

export type SwitchName = keyof SwitchValues;

export interface Switch<V> {
  readonly kind: Kind<V>;
  readonly fallback: V;
  /** How the fallback is written, where that says more than the value. */
  readonly fallbackText?: string;
  readonly help: string;
  /** Not kube-proxy's. */
  readonly own?: true;
  /** Deprecated: what to give instead. */
  readonly replaced?: string;
}

export const switches: { readonly [N in SwitchName]: Switch<SwitchValues[N]> } = {
  "allow-external-ips": {
    kind: externalIps,
    fallback: externalIps.fromFlag("all", undefined) ?? [],
    fallbackText: "all",
    help: "which spec.externalIPs are served; whoever may create Services can take traffic to these addresses (KEP-5707)",
    own: true,
  },
  "api-server-timeout": {
    kind: duration,
    fallback: 10_000,
    help: "a start without an answer from the API server fails after so long",
    own: true,
  },
  cleanup: { kind: bool, fallback: false, help: "remove the rules that the agent or kube-proxy wrote, and end" },
  config: {
    kind: textOf("file"),
    fallback: "",
    help: "kube-proxy's configuration file, YAML or JSON; the agent ends when it changes, to be started again",
  },
  "enforce-jump-order": {
    kind: bool,
    fallback: false,
    help: "move our jumps back above rules that others put before them, instead of reporting those",
    own: true,
  },
  force: {
    kind: bool,
    fallback: false,
    help: "start although another proxy seems to be alive on this node",
    own: true,
  },
  "healthz-port": {
    kind: int32,
    fallback: 10_256,
    help: "port of a --healthz-bind-address without one; 0: no health server",
    replaced: "--healthz-bind-address",
  },
  "init-only": {
    kind: bool,
    fallback: false,
    help: "set what takes full privileges (sysctls), and end; the agent then runs with CAP_NET_ADMIN and CAP_NET_RAW",
  },
  "iptables-chain-prefix": {
    kind: chainPrefix,
    fallback: kubePrefix,
    help: "what the names of the agent's chains begin with; with another than kube-proxy's both run on one node, each with ports of its own for health and metrics",
    own: true,
  },
  "local-vip-routes": {
    kind: routeMode,
    fallback: "auto",
    help: "make addresses of passthrough load balancers (gcp-l4) the node's own, so that health probes sent to them are answered: auto, where nobody else does; on, whoever else does; off, never",
    own: true,
  },
  "log-format": {
    kind: logFormat,
    fallback: "",
    help: "how a log line looks: json or text; above --logging-format",
    own: true,
  },
  "log-level": {
    kind: logLevel,
    fallback: "",
    help: "least severe level to write: error, warn, info or debug; above -v",
    own: true,
  },
  master: {
    kind: textOf("url"),
    fallback: "",
    help: "the API server's URL, in place of the kubeconfig's or the pod's",
  },
  "metrics-port": {
    kind: int32,
    fallback: 10_249,
    help: "port of a --metrics-bind-address without one; 0: no metrics server",
    replaced: "--metrics-bind-address",
  },
  namespace: {
    kind: textOf("name"),
    fallback: agentLeaseNamespace,
    help: "where the Lease of the agent is, with its report",
    own: true,
  },
  "node-name": { kind: textOf("name"), fallback: "", help: "as --hostname-override", own: true },
  "reserved-ports": {
    kind: portRanges,
    fallback: portRanges.fromFlag(defaultReservedPorts, undefined) ?? [],
    fallbackText: defaultReservedPorts,
    help: "ports of the node's own addresses that no Service may take",
    own: true,
  },
  "service-proxy-name": {
    kind: proxyName,
    fallback: "",
    help: "serve the Services whose label service.kubernetes.io/service-proxy-name has this value, instead of those without the label; takes --iptables-chain-prefix",
    own: true,
  },
  version: { kind: versionWord, fallback: "false", help: "print the version, and end" },
  "write-config-to": {
    kind: textOf("file"),
    fallback: "",
    help: "write what the flags, the file and the defaults come to as a configuration file, and end",
  },
};

export const switchNames: readonly SwitchName[] = Object.keys(switches) as SwitchName[];

export function switchAt(name: SwitchName): Switch<unknown> {
  return switches[name] as Switch<unknown>;
}
