// `berth controller`: flags -> providers, API client and leadership -> the controller.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { argv, execArgv, execPath } from "node:process";
import { type Command, Option } from "commander";
import { agentLeaseNamespace, isClassName, providerClass } from "../api/index.ts";
import { errorMessage, FailureError, isAbort, onAbort, systemClock, systemRandom, UsageError } from "../base/index.ts";
import { Controller, readClusterId } from "../controller/index.ts";
import { type AddressPool, openPool, rangesOverlap, usableRange } from "../ipam/index.ts";
import { EventRecorder, type Fence, LeaseElection, type LeaseTimes } from "../kube/index.ts";
import { type NodePortsPolicy, plainClasses } from "../model/index.ts";
import { type Cidr, type PortRange, withPort } from "../net/index.ts";
import type { ProviderAdapter, ProviderContext, ProviderModule } from "../provider/index.ts";
import {
  createMetrics,
  type HttpEndpoint,
  type Metrics,
  type Route,
  serveEndpoints,
  watchEventLoop,
} from "../telemetry/index.ts";
import { newCommand, type Process } from "./command.ts";
import { addConnectionFlags, type ConnectionFlags, connect, workOnceAnswered } from "./connection.ts";
import {
  addLogFlags,
  addressOption,
  collectCidrs,
  defaultReservedPorts,
  type HostPort,
  type LogFlags,
  loggerFor,
  parseDuration,
  parsePortRangeFlag,
  parsePortRanges,
} from "./flags.ts";
import { providerLoaders } from "./providers.ts";

interface Flags extends LogFlags, ConnectionFlags {
  readonly providers: readonly string[];
  readonly ownUnclassed: boolean;
  readonly loadBalancerClass: readonly string[];
  readonly addressPool: readonly Cidr[];
  readonly reservedPorts: readonly PortRange[];
  readonly agentNamespace: string;
  readonly nodePorts: NodePortsPolicy["policy"];
  readonly nodePortRange: PortRange;
  readonly stateDir: string;
  readonly clusterId?: string;
  readonly namespace: string;
  readonly instance: string;
  readonly leaderElect: boolean;
  readonly leaderElectLeaseDuration: number;
  readonly leaderElectRenewDeadline: number;
  readonly leaderElectRetryPeriod: number;
  readonly concurrentServiceSyncs: number;
  readonly driftResyncPeriod: number;
  readonly metricsBindAddress: HostPort;
  readonly healthBindAddress: HostPort;
}

export function define(command: Command, process: Process): void {
  addConnectionFlags(command)
    .addOption(
      new Option(
        "--providers <names>",
        `providers to run, by commas; the first serves Services without a class; of ${[...providerLoaders.keys()].join(", ")}`,
      )
        .default([], "none")
        .argParser(collect),
    )
    .addOption(
      new Option("--provider <name>").hideHelp().argParser((name) => {
        throw new UsageError(`--provider: there is --providers NAMES instead; give --providers ${name}`);
      }),
    )
    .addOption(booleanOption("--own-unclassed", "serve Services without a class too, by the first provider", false))
    .addOption(
      new Option("--load-balancer-class <[provider=]class>", "class that a provider serves, may be repeated")
        .default([], "berth.dev/<provider>")
        .argParser(collect),
    )
    .addOption(
      new Option(
        "--address-pool <prefixes>",
        "addresses for load balancers beside those of IPAddressPools, may be repeated",
      )
        .default([], "none")
        .argParser(collectCidrs("--address-pool")),
    )
    .addOption(
      new Option("--reserved-ports <ranges>", "ports of the nodes' own addresses that no Service may take")
        .default(parsePortRanges(defaultReservedPorts), defaultReservedPorts)
        .argParser(parseReservedPorts),
    )
    .option("--agent-namespace <name>", "where the Leases of agents are", agentLeaseNamespace)
    .addOption(
      new Option("--node-ports <policy>", "whether Services must have node ports, get them from us, or never need them")
        .choices(["Require", "Ensure", "Never"])
        .default("Require"),
    )
    .addOption(
      new Option("--node-port-range <ports>", "--service-node-port-range of kube-apiserver")
        .default({ first: 30_000, last: 32_767 }, "30000-32767")
        .argParser(parsePortRangeFlag("--node-port-range")),
    )
    .option("--state-dir <directory>", "where providers keep what outlives the controller", "/var/lib/berth")
    .option("--cluster-id <id>", "who this cluster is to providers (default: UID of the namespace kube-system)")
    .option("--namespace <name>", "where the Lease is", process.environment["POD_NAMESPACE"] ?? "kube-system")
    .option("--instance <name>", "name of the Lease; one instance per provider and cluster", "berth-controller")
    .addOption(booleanOption("--leader-elect", "work only while holding the Lease", true))
    .addOption(durationOption("--leader-elect-lease-duration", "others take the Lease after so long", "15s"))
    .addOption(durationOption("--leader-elect-renew-deadline", "no write so long after the last renewal", "10s"))
    .addOption(durationOption("--leader-elect-retry-period", "time between renewals", "2s"))
    .addOption(
      new Option("--concurrent-service-syncs <count>", "Services that are worked on at a time")
        .default(10)
        .argParser(parseCount("--concurrent-service-syncs")),
    )
    .addOption(durationOption("--drift-resync-period", "every load balancer is checked after so long", "10m"))
    .addOption(addressOption("--metrics-bind-address", "where /metrics answers", "127.0.0.1:10260"))
    .addOption(addressOption("--health-bind-address", "where /livez, /readyz and /healthz answer", "127.0.0.1:10261"))
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", "\nEach provider has flags of its own, --<provider>-...: see its README.");
  addLogFlags(command).action(async (flags: Flags) => {
    try {
      await run(flags, command.args, process);
    } catch (error) {
      // A signal is how a controller ends in order, wherever it is.
      if (!isAbort(error, process.signal)) throw error;
    }
  });
}

async function run(flags: Flags, rest: readonly string[], process: Process): Promise<void> {
  const modules = await loadProviders(flags.providers);
  const providerFlags = parseProviderFlags(modules, rest);
  const classes = plainClasses(classesOf(flags, modules), flags.ownUnclassed ? modules[0]?.name : undefined);
  const pool = poolOf(flags.addressPool);
  const times = leaseTimes(flags);
  const logger = loggerFor(flags, process);
  const metrics = createMetrics();
  const common = { logger, metrics, clock: systemClock, random: systemRandom };
  const instance = `${hostname()}_${randomUUID()}`;

  let controller: Controller | undefined;
  await using _ = await serve(flags, metrics, () => controller?.ready === true);
  using _loop = watchEventLoop(common);
  const connection = await connect(flags, process, metrics);
  const { client } = connection;
  await using _client = client;
  await workOnceAnswered(connection, flags, process.signal, async (signal) => {
    const clusterId = flags.clusterId ?? (await readClusterId(client, logger, signal));
    const { stateDir, reservedPorts, agentNamespace } = flags;
    const { environment } = process;
    const lease = { namespace: flags.namespace, name: flags.instance, identity: instance, times };
    const election = flags.leaderElect ? new LeaseElection({ ...common, client, ...lease }) : undefined;
    const fence: Fence = () => election?.fence();
    const providers = await createProviders(modules, {
      flags: providerFlags,
      clusterId,
      stateDir,
      reservedPorts,
      environment,
      fence,
      logger,
    });

    const writer = client.fenced(fence);
    await using recorder = new EventRecorder({
      ...common,
      client: writer,
      controller: "berth.dev/controller",
      instance,
    });
    const working = new Controller({
      ...common,
      client: writer,
      recorder,
      providers,
      classes,
      clusterId,
      pool,
      agentNamespace,
      nodePorts: { policy: flags.nodePorts, range: flags.nodePortRange },
      workers: flags.concurrentServiceSyncs,
      driftResyncMs: flags.driftResyncPeriod,
    });
    controller = working;
    const lead = async (leading: AbortSignal): Promise<void> => {
      try {
        await working.lead(leading, fence);
      } finally {
        // While the lease is still ours: after it, nothing more is written.
        await recorder.flush();
      }
    };
    await whileWatching(working, () => election?.run(lead, signal) ?? lead(signal), signal);
    logger.info("controller ended");
  });
}

async function createProviders(
  modules: readonly ProviderModule[],
  context: Omit<ProviderContext, "berth" | "clock">,
): Promise<readonly ProviderAdapter[]> {
  const berth = [execPath, ...execArgv, argv[1] ?? ""];
  const providers: ProviderAdapter[] = [];
  for (const module of modules) {
    const logger = context.logger.with({ provider: module.name });
    providers.push(await module.create({ ...context, berth, logger, clock: systemClock }));
  }
  return providers;
}

/** Does the work of a controller that watches for as long as it takes, so that it finds everything known. */
async function whileWatching(controller: Controller, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const end = new AbortController();
  using _ = onAbort(signal, () => end.abort(signal.reason));
  const watching = controller.watch(end.signal);
  try {
    await work();
  } finally {
    end.abort(new Error("the controller is over"));
    await watching;
  }
}

async function loadProviders(names: readonly string[]): Promise<readonly ProviderModule[]> {
  const known = [...providerLoaders.keys()].join(", ");
  if (names.length === 0) throw new UsageError(`--providers: missing; give one of ${known}`);
  return await Promise.all(
    [...new Set(names)].map(async (name) => {
      const load = providerLoaders.get(name);
      if (load === undefined)
        throw new UsageError(`--providers: ${JSON.stringify(name)} is unknown; give one of ${known}`);
      return (await load()).provider;
    }),
  );
}

/** What the general flags left over must be flags of the providers that run. */
function parseProviderFlags(
  modules: readonly ProviderModule[],
  args: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const command = newCommand("berth controller").helpOption(false).allowExcessArguments(false);
  const names = new Map<string, string>();
  for (const { flag, description } of modules.flatMap(({ flags }) => flags)) {
    const option = new Option(flag, description);
    names.set(option.attributeName(), option.long?.slice(2) ?? "");
    command.addOption(option);
  }
  const values = command
    .action(() => {})
    .parse(args, { from: "user" })
    .opts<Record<string, string>>();
  return Object.fromEntries([...names].map(([attribute, name]) => [name, values[attribute]]));
}

function classesOf({ loadBalancerClass }: Flags, modules: readonly ProviderModule[]): ReadonlyMap<string, string> {
  const classes = new Map(modules.map(({ name }) => [name, providerClass(name)]));
  for (const text of loadBalancerClass) {
    const [first = "", second] = text.split("=");
    const [provider, value] = second === undefined ? [modules[0]?.name ?? "", first] : [first, second];
    if (!classes.has(provider) || (second === undefined && modules.length > 1))
      throw new UsageError(
        `--load-balancer-class: ${JSON.stringify(text)} names none of --providers; give PROVIDER=CLASS`,
      );
    if (!isClassName(value))
      throw new UsageError(`--load-balancer-class: ${JSON.stringify(value)} is no class; give DOMAIN/NAME`);
    classes.set(provider, value);
  }
  const values = [...classes.values()];
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice !== undefined) throw new UsageError(`--load-balancer-class: two providers of ${twice}; give each its own`);
  return classes;
}

/** The pool of the flag, under the name that people know it by; no object can have it. */
function poolOf(prefixes: readonly Cidr[]): AddressPool {
  const ranges = prefixes.map(usableRange);
  const twice = ranges.find((range, i) => ranges.slice(0, i).some((other) => rangesOverlap(range, other)));
  if (twice === undefined) return openPool("--address-pool", ranges);
  const other = ranges.find((range) => rangesOverlap(range, twice))?.text ?? "";
  throw new UsageError(`--address-pool: ${other} and ${twice.text} overlap; give each address once`);
}

function leaseTimes(flags: Flags): LeaseTimes {
  const { leaderElectLeaseDuration: durationMs, leaderElectRenewDeadline: renewDeadlineMs } = flags;
  const { leaderElectRetryPeriod: retryMs } = flags;
  if (durationMs <= renewDeadlineMs)
    throw new UsageError("--leader-elect-lease-duration: must be longer than --leader-elect-renew-deadline");
  // The factor is client-go's jitter.
  if (renewDeadlineMs <= 1.2 * retryMs)
    throw new UsageError("--leader-elect-renew-deadline: must be longer than 1.2 times --leader-elect-retry-period");
  return { durationMs, renewDeadlineMs, retryMs };
}

async function serve(
  { metricsBindAddress: forMetrics, healthBindAddress: forHealth }: Flags,
  metrics: Metrics,
  isReady: () => boolean,
): Promise<AsyncDisposable> {
  const alive: Route = () => ({ status: 200, body: "ok\n" });
  const ready: Route = () => (isReady() ? { status: 200, body: "ok\n" } : { status: 503, body: "caches not synced\n" });
  const health = { "/livez": alive, "/healthz": alive, "/readyz": ready };
  const counts: Record<string, Route> = {
    "/metrics": async () => ({ status: 200, body: await metrics.metrics(), contentType: metrics.contentType }),
  };
  await using stack = new AsyncDisposableStack();
  if (sameAddress(forMetrics, forHealth))
    stack.use(await listen("--metrics-bind-address", forMetrics, { ...health, ...counts }));
  else {
    stack.use(await listen("--metrics-bind-address", forMetrics, counts));
    stack.use(await listen("--health-bind-address", forHealth, health));
  }
  return stack.move();
}

function sameAddress(a: HostPort, b: HostPort): boolean {
  return a.host === b.host && a.port === b.port && a.port !== 0;
}

async function listen(flag: string, at: HostPort, routes: Readonly<Record<string, Route>>): Promise<HttpEndpoint> {
  try {
    return await serveEndpoints({ ...at, routes });
  } catch (error) {
    throw new FailureError(
      `${flag}: cannot listen on ${withPort(at.host, at.port)}: ${errorMessage(error)}; give another address`,
    );
  }
}

function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, ...text.split(",").map((part) => part.trim())];
}

function booleanOption(flag: string, description: string, fallback: boolean): Option {
  return new Option(`${flag} [true|false]`, description)
    .default(fallback)
    .preset("true")
    .argParser((text) => {
      if (text !== "true" && text !== "false")
        throw new UsageError(`${flag}: ${JSON.stringify(text)} is neither true nor false`);
      return text === "true";
    });
}

function durationOption(flag: string, description: string, fallback: string): Option {
  const parse = parseDuration(flag);
  return new Option(`${flag} <duration>`, description).default(parse(fallback), fallback).argParser(parse);
}

function parseReservedPorts(text: string): readonly PortRange[] {
  const ranges = parsePortRanges(text);
  if (ranges !== undefined) return ranges;
  throw new UsageError(
    `--reserved-ports: ${JSON.stringify(text)} is no list of port ranges; give such as 22,30000-32767, or nothing for none`,
  );
}

function parseCount(flag: string): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d{1,4}$/.test(text) || count < 1)
      throw new UsageError(`${flag}: ${JSON.stringify(text)} is no count; give a number from 1 to 9999`);
    return count;
  };
}
