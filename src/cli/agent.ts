// `berth agent`: flags -> settings of one node -> the agent, in the network namespace that it is started in.
import { hostname } from "node:os";
import { type Command, Option } from "commander";
import { type AgentOptions, inspectHost, inspectIptables, runAgent } from "../agent/index.ts";
import { systemClock, systemRandom, UsageError } from "../base/index.ts";
import { systemExec, systemFollow } from "../kernel/index.ts";
import { type Cidr, type Family, formatCidr, type PortRange, parseCidr } from "../net/index.ts";
import { createMetrics, watchEventLoop } from "../telemetry/index.ts";
import { defineCleanUp } from "./agent-cleanup.ts";
import type { Process } from "./command.ts";
import { addConnectionFlags, type ConnectionFlags, connect, workOnceAnswered } from "./connection.ts";
import {
  addLogFlags,
  addressOption,
  collectCidrs,
  type HostPort,
  type LogFlags,
  loggerFor,
  parseDuration,
  parsePortRangeFlag,
} from "./flags.ts";

interface Flags extends LogFlags, ConnectionFlags {
  readonly hostnameOverride?: string;
  readonly nodeName?: string;
  readonly clusterCidr?: readonly Cidr[];
  readonly nodeportAddresses?: readonly Cidr[];
  readonly reservedPorts: readonly PortRange[];
  readonly healthzBindAddress: HostPort;
  readonly metricsBindAddress: HostPort;
  readonly iptablesMinSyncPeriod: number;
}

/** SSH, BGP, etcd, the API server, kubelet and its neighbours, NodePorts. */
const reservedPorts = "22,179,2379-2380,6443,10249-10259,30000-32767";

export function define(command: Command, process: Process): void {
  addConnectionFlags(command)
    .option("--hostname-override <name>", "name of the Node object (default: this machine's host name)")
    .option("--node-name <name>", "the same")
    .option(
      "--cluster-cidr <prefixes>",
      "prefix of all pods, one for each family; without it pods are not told from others",
      collectCidrs("--cluster-cidr"),
    )
    .option(
      "--nodeport-addresses <prefixes>",
      "NodePorts answer only on the node's addresses within these",
      collectCidrs("--nodeport-addresses"),
    )
    .addOption(
      new Option("--reserved-ports <ranges>", "ports of the node's own addresses that no Service may take")
        .default(parsePortRanges(reservedPorts), reservedPorts)
        .argParser(parsePortRanges),
    )
    .addOption(addressOption("--healthz-bind-address", "where /healthz and /livez answer", "0.0.0.0:10256"))
    .addOption(addressOption("--metrics-bind-address", "where /metrics and /proxyMode answer", "127.0.0.1:10249"))
    .addOption(
      new Option("--iptables-min-sync-period <duration>", "shortest time between two writes of rules")
        .default(100, "100ms")
        .argParser(parseDuration("--iptables-min-sync-period")),
    );
  addLogFlags(command).action((flags: Flags) => run(flags, process));
  defineCleanUp(command, process);
}

async function run(flags: Flags, process: Process): Promise<void> {
  const clusterCidrs = byFamily(flags.clusterCidr ?? []);
  const nodeName = nodeNameOf(flags);
  const programs = systemExec(process.environment);
  const host = await inspectHost(programs, process.signal);
  const { exec, flavour, notes, ...iptables } = await inspectIptables(programs, host.families, process.signal);
  const metrics = createMetrics();
  const common = { metrics, logger: loggerFor(flags, process), clock: systemClock };
  using _loop = watchEventLoop(common);
  const connection = await connect(flags, process, metrics);
  const { client, server } = connection;
  await using _client = client;
  const options: AgentOptions = {
    settings: {
      nodeName,
      localTraffic: { mode: "ClusterCIDR", cidrs: clusterCidrs },
      nodePortAddresses: flags.nodeportAddresses ?? [],
      localhostNodePorts: false,
      masqueradeAll: false,
      masqueradeBit: 14,
      externalIps: everywhere,
      reservedPorts: flags.reservedPorts,
      dropInvalid: host.dropInvalid,
      ...iptables,
    },
    client,
    server,
    healthzAddress: flags.healthzBindAddress,
    metricsAddress: flags.metricsBindAddress,
    notes,
    minSyncIntervalMs: flags.iptablesMinSyncPeriod,
    exec,
    drift: { flavour, follow: systemFollow(process.environment), enforceJumpOrder: false },
    ...common,
    random: systemRandom,
  };
  await workOnceAnswered(connection, flags, process.signal, (signal) => runAgent(options, signal));
}

const everywhere = ["0.0.0.0/0", "::/0"].flatMap((text) => parseCidr(text) ?? []);

function nodeNameOf({ hostnameOverride, nodeName }: Flags): string {
  const name = (hostnameOverride ?? nodeName ?? hostname()).trim().toLowerCase();
  if (name === "") throw new UsageError("--hostname-override: empty; give the name of the Node object");
  return name;
}

function byFamily(prefixes: readonly Cidr[]): ReadonlyMap<Family, string> {
  const found = new Map<Family, string>();
  for (const prefix of prefixes) {
    const { family } = prefix.base;
    if (found.has(family))
      throw new UsageError(`--cluster-cidr: two ${family} prefixes; give one that holds all pods of the family`);
    found.set(family, formatCidr(prefix));
  }
  return found;
}

function parsePortRanges(text: string): readonly PortRange[] {
  return text === "" ? [] : text.split(",").map(parsePortRangeFlag("--reserved-ports"));
}
