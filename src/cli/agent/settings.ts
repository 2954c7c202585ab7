// A configuration that holds -> what the parts of the agent are given. Pure.
import {
  type AgentOptions,
  chainNames,
  type HostSettings,
  type LocalTrafficDetector,
  localhostNodePorts,
  type NodeSettings,
} from "../../agent/index.ts";
import { UsageError } from "../../base/index.ts";
import { type Family, formatCidr, formatIp, parseSloppyIp } from "../../net/index.ts";
import type { LogFormat, LogLevel } from "../../telemetry/index.ts";
import { parseBindAddress, parseNodePortAddress, parseSloppyCidr } from "./addresses.ts";
import type { Configuration } from "./configuration.ts";
import { encode } from "./document.ts";
import type { FieldValues } from "./field.ts";

/** From this verbosity on, kube-proxy logs what we log as debug. */
const debugVerbosity = 4;

export function logSettings({ values, switches }: Configuration): { logLevel: LogLevel; logFormat: LogFormat } {
  const level = values["logging.verbosity"] >= debugVerbosity ? "debug" : "info";
  return {
    logLevel: (switches["log-level"] || level) as LogLevel,
    logFormat: (switches["log-format"] || values["logging.format"]) as LogFormat,
  };
}

export function hostSettings({ values }: Configuration): HostSettings {
  return {
    conntrack: {
      maxPerCore: values["conntrack.maxPerCore"],
      min: values["conntrack.min"],
      tcpEstablishedTimeoutMs: values["conntrack.tcpEstablishedTimeout"],
      tcpCloseWaitTimeoutMs: values["conntrack.tcpCloseWaitTimeout"],
      tcpBeLiberal: values["conntrack.tcpBeLiberal"],
      udpTimeoutMs: values["conntrack.udpTimeout"],
      udpStreamTimeoutMs: values["conntrack.udpStreamTimeout"],
    },
    routeLocalnet: localhostNodePorts(
      { nodePortAddresses: nodePortAddresses(values), localhostNodePorts: values["iptables.localhostNodePorts"] },
      "IPv4",
    ),
    oomScoreAdj: values.oomScoreAdj,
  };
}

/** What the machine says. */
export interface Machine
  extends Pick<NodeSettings, "families" | "dropInvalid" | "randomFully" | "accounting" | "sessionAffinity"> {
  /** For when nobody named the node. */
  readonly hostName: string;
}

/** Of the Node object. */
export function nodeNameOf({ hostnameOverride }: Configuration["values"], hostName: string): string {
  const nodeName = hostnameOverride || hostName.trim().toLowerCase();
  if (nodeName === "")
    throw new UsageError("this machine has no host name; give --hostname-override, the name of the Node object");
  return nodeName;
}

export function nodeSettings({ values, switches }: Configuration, machine: Machine): NodeSettings {
  const { hostName, ...abilities } = machine;
  return {
    nodeName: nodeNameOf(values, hostName),
    ...(switches["service-proxy-name"] !== "" && { serviceProxyName: switches["service-proxy-name"] }),
    chains: chainNames(switches["iptables-chain-prefix"]),
    ...abilities,
    ...bindAddress(values),
    localTraffic: localTraffic(values, machine.families),
    nodePortAddresses: nodePortAddresses(values),
    localhostNodePorts: values["iptables.localhostNodePorts"],
    masqueradeAll: values["iptables.masqueradeAll"],
    masqueradeBit: values["iptables.masqueradeBit"],
    externalIps: switches["allow-external-ips"],
    reservedPorts: switches["reserved-ports"],
  };
}

function localTraffic(values: FieldValues, families: readonly Family[]): LocalTrafficDetector {
  switch (values.detectLocalMode) {
    case "NodeCIDR":
      return { mode: "NodeCIDR" };
    case "BridgeInterface":
      return { mode: "BridgeInterface", name: values["detectLocal.bridgeInterface"] };
    case "InterfaceNamePrefix":
      return { mode: "InterfaceNamePrefix", prefix: values["detectLocal.interfaceNamePrefix"] };
    default:
      return { mode: "ClusterCIDR", cidrs: clusterCidrs(values, families) };
  }
}

/** 0.0.0.0 and :: are no address that a node could have. */
function bindAddress(values: FieldValues): Pick<NodeSettings, "bindAddress"> {
  const ip = parseSloppyIp(values.bindAddress);
  return ip === undefined || ip.value === 0n ? {} : { bindAddress: formatIp(ip) };
}

/** Throws UsageError when there are prefixes, and none of a family that this node has: kube-proxy ends too. */
function clusterCidrs({ clusterCIDR }: FieldValues, families: readonly Family[]): ReadonlyMap<Family, string> {
  const prefixes = clusterCIDR.flatMap((text) => parseSloppyCidr(text) ?? []);
  if (prefixes.length > 0 && !prefixes.some(({ base }) => families.includes(base.family)))
    throw new UsageError(
      `--cluster-cidr: ${clusterCIDR.join(",")} is of no family that this node has; ` +
        `give a prefix of ${families.join(" or ")}, or mend the node's ${families.includes("IPv4") ? "IPv6" : "IPv4"}`,
    );
  return new Map(prefixes.map((prefix) => [prefix.base.family, formatCidr(prefix)]));
}

function nodePortAddresses({ nodePortAddresses: wanted }: FieldValues): NodeSettings["nodePortAddresses"] {
  // The validation lets nothing stand beside `primary`.
  if (wanted.includes("primary")) return "primary";
  return wanted.map(parseNodePortAddress).flatMap((prefixes) => (prefixes === "primary" ? [] : (prefixes ?? [])));
}

type ProcessSettings = Pick<
  AgentOptions,
  | "healthzAddress"
  | "metricsAddress"
  | "bindAddressHardFail"
  | "minSyncIntervalMs"
  | "syncPeriodMs"
  | "namespace"
  | "configz"
>;

export function processSettings({ values, switches }: Configuration): ProcessSettings {
  return {
    healthzAddress: parseBindAddress(values.healthzBindAddress),
    metricsAddress: parseBindAddress(values.metricsBindAddress),
    bindAddressHardFail: values.bindAddressHardFail,
    minSyncIntervalMs: values["iptables.minSyncPeriod"],
    syncPeriodMs: values["iptables.syncPeriod"],
    namespace: switches.namespace,
    configz: encode(values),
  };
}
