// The one table of what the controller can be told: from it come the flags, the fields of the file, the defaults and
// docs/controller-flags.md. A field is called as its flag, in camel case.
import { agentLeaseNamespace } from "../../api/index.ts";
import type { NodesWithoutAgent } from "../../controller/index.ts";
import type { NodePortsPolicy } from "../../model/index.ts";
import type { Cidr, PortRange } from "../../net/index.ts";
import { type LogFormat, type LogLevel, logLevels } from "../../telemetry/index.ts";
import { defaultReservedPorts, type HostPort, parsePortRanges } from "../flags.ts";
import { providerLoaders } from "../providers.ts";
import {
  address,
  bool,
  choice,
  count,
  duration,
  type Kind,
  type ProviderRate,
  period,
  portRanges,
  ports,
  prefixes,
  providerRates,
  text,
  texts,
} from "./kinds.ts";

/** Durations in milliseconds; undefined where nothing is given and there is no default. */
export interface Settings {
  readonly kubeconfig: string | undefined;
  readonly apiServerTimeout: number;
  readonly providers: readonly string[];
  readonly ownUnclassed: boolean;
  readonly loadBalancerClass: readonly string[];
  readonly addressPool: readonly Cidr[];
  readonly reservedPorts: readonly PortRange[];
  readonly agentNamespace: string;
  readonly nodesWithoutAgent: NodesWithoutAgent;
  readonly nodePorts: NodePortsPolicy["policy"];
  readonly nodePortRange: PortRange;
  readonly stateDir: string;
  readonly clusterId: string | undefined;
  readonly namespace: string;
  readonly instance: string;
  readonly leaderElect: boolean;
  readonly leaderElectLeaseDuration: number;
  readonly leaderElectRenewDeadline: number;
  readonly leaderElectRetryPeriod: number;
  readonly concurrentServiceSyncs: number;
  readonly driftResyncPeriod: number;
  readonly deleteOrphans: boolean;
  readonly orphanGracePeriod: number;
  readonly providerRate: readonly ProviderRate[];
  readonly providerMaxPause: number;
  readonly providerRelapsePeriod: number;
  readonly metricsBindAddress: HostPort;
  readonly healthBindAddress: HostPort;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export type SettingName = keyof Settings;
export type SettingValue = Settings[SettingName];

export interface Setting<V> {
  readonly kind: Kind<NonNullable<V>>;
  /** What stands for the value on the command line. */
  readonly placeholder: string;
  readonly fallback: V;
  /** How the fallback is written, where that says more than the value. */
  readonly fallbackText?: string;
  /** This variable of the environment is the default where it is set. */
  readonly variable?: "POD_NAMESPACE";
  readonly help: string;
}

/** In the order of `--help`. */
const settings: { readonly [N in SettingName]: Setting<Settings[N]> } = {
  kubeconfig: {
    kind: text,
    placeholder: "file",
    fallback: undefined,
    help: "how to reach the API server; without it: as a pod of the cluster",
  },
  apiServerTimeout: time(duration, "10s", "a start without an answer from the API server fails after so long"),
  providers: {
    kind: texts,
    placeholder: "names",
    fallback: [],
    fallbackText: "none",
    help: `providers to run, by commas; the first serves Services without a class; of ${[...providerLoaders.keys()].join(", ")}`,
  },
  ownUnclassed: {
    kind: bool,
    placeholder: "true|false",
    fallback: false,
    help: "serve Services without a class too, by the first provider",
  },
  loadBalancerClass: {
    kind: texts,
    placeholder: "[provider=]class",
    fallback: [],
    fallbackText: "berth.dev/<provider>",
    help: "class that a provider serves, may be repeated",
  },
  addressPool: {
    kind: prefixes,
    placeholder: "prefixes",
    fallback: [],
    fallbackText: "none",
    help: "addresses for load balancers beside those of IPAddressPools, may be repeated",
  },
  reservedPorts: {
    kind: portRanges,
    placeholder: "ranges",
    fallback: parsePortRanges(defaultReservedPorts) ?? [],
    fallbackText: defaultReservedPorts,
    help: "ports of the nodes' own addresses that no Service may take",
  },
  agentNamespace: {
    kind: text,
    placeholder: "name",
    fallback: agentLeaseNamespace,
    help: "where the Leases of agents are",
  },
  nodesWithoutAgent: {
    kind: choice("Exclude", "Include"),
    placeholder: "policy",
    fallback: "Exclude",
    help: "whether nodes without a living agent are left out of load balancers on nodes' addresses, or count, as kube-proxy serves there",
  },
  nodePorts: {
    kind: choice("Require", "Ensure", "Never"),
    placeholder: "policy",
    fallback: "Require",
    help: "whether Services must have node ports, get them from us, or never need them",
  },
  nodePortRange: {
    kind: ports,
    placeholder: "ports",
    fallback: { first: 30_000, last: 32_767 },
    fallbackText: "30000-32767",
    help: "--service-node-port-range of kube-apiserver",
  },
  stateDir: {
    kind: text,
    placeholder: "directory",
    fallback: "/var/lib/berth",
    help: "where providers keep what outlives the controller",
  },
  clusterId: {
    kind: text,
    placeholder: "id",
    fallback: undefined,
    fallbackText: "UID of the namespace kube-system",
    help: "who this cluster is to providers",
  },
  namespace: {
    kind: text,
    placeholder: "name",
    fallback: "kube-system",
    variable: "POD_NAMESPACE",
    help: "where the Lease is",
  },
  instance: {
    kind: text,
    placeholder: "name",
    fallback: "berth-controller",
    help: "name of the Lease; one instance per provider and cluster",
  },
  leaderElect: {
    kind: bool,
    placeholder: "true|false",
    fallback: true,
    help: "work only while holding the Lease",
  },
  leaderElectLeaseDuration: time(period, "15s", "others take the Lease after so long"),
  leaderElectRenewDeadline: time(period, "10s", "no write so long after the last renewal"),
  leaderElectRetryPeriod: time(period, "2s", "time between renewals"),
  concurrentServiceSyncs: {
    kind: count,
    placeholder: "count",
    fallback: 10,
    help: "Services that are worked on at a time",
  },
  driftResyncPeriod: time(period, "10m", "every load balancer is checked after so long"),
  deleteOrphans: {
    kind: bool,
    placeholder: "true|false",
    fallback: false,
    help: "delete load balancers that no Service wants, instead of telling of them",
  },
  orphanGracePeriod: time(duration, "1h", "no orphan is deleted before it was seen for so long"),
  providerRate: {
    kind: providerRates,
    placeholder: "kind=rate[:burst]",
    fallback: [],
    fallbackText: "unlimited",
    help: "how many reads, writes or polls a provider gets each second, and at once; [provider:]kind=... is for one alone; may be repeated",
  },
  providerMaxPause: time(period, "5m", "a provider that is limited again and again is left alone for so long at most"),
  providerRelapsePeriod: time(period, "30s", "a limit that is hit again so soon doubles the provider's next pause"),
  metricsBindAddress: endpoint("127.0.0.1:10260", "where /metrics, /configz and /debug/state answer"),
  healthBindAddress: endpoint("127.0.0.1:10261", "where /livez, /readyz and /healthz answer"),
  logLevel: {
    kind: choice(...logLevels),
    placeholder: "level",
    fallback: "info",
    help: "least severe level to write",
  },
  logFormat: {
    kind: choice("json", "text"),
    placeholder: "format",
    fallback: "json",
    help: "how a line looks",
  },
};

function time(kind: Kind<number>, fallbackText: string, help: string): Setting<number> {
  const fallback = kind.read("")(fallbackText, undefined);
  return { kind, placeholder: "duration", fallback, fallbackText, help };
}

function endpoint(fallbackText: string, help: string): Setting<HostPort> {
  const fallback = address.read("")(fallbackText, undefined);
  return { kind: address, placeholder: "address", fallback, fallbackText, help };
}

export const settingNames: readonly SettingName[] = Object.keys(settings) as SettingName[];

/** The table's entry as one of a kind that is not known; what is read by it is what the setting holds. */
export function settingAt(name: SettingName): Setting<SettingValue> {
  return settings[name] as unknown as Setting<SettingValue>;
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settings, name);
}

/** What holds when nothing is given. */
export function defaultSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const found = settingNames.map((name) => {
    const { fallback, variable } = settingAt(name);
    return [name, (variable === undefined ? undefined : environment[variable]) ?? fallback];
  });
  return Object.fromEntries(found) as Settings;
}

/** `leaderElect` -> `--leader-elect`. */
export function flagOf(name: SettingName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `--proxy-netns`, `proxy-netns` -> `proxyNetns`. */
export function fieldOf(flag: string): string {
  return flag.replace(/^--/, "").replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
