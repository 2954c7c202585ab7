import type { Service } from "../api/index.ts";
import { initialPriority, WorkQueue } from "../kube/index.ts";
import type { LbIdentity } from "../model/index.ts";
import { PoolFollower } from "./addresses/pool-follower.ts";
import { PoolStatusWriter } from "./addresses/pool-status-writer.ts";
import { ServiceAddresses } from "./addresses/service-addresses.ts";
import { Admission } from "./classes/admission.ts";
import { ClassReporter } from "./classes/class-reporter.ts";
import { ClassView } from "./classes/class-view.ts";
import { Circuit } from "./engine/circuit.ts";
import { GuardedAdapter } from "./engine/guarded-adapter.ts";
import { ProviderRunner } from "./engine/provider-runner.ts";
import { ScopeReconciler, type ScopeReconcilerOptions } from "./engine/scope-reconciler.ts";
import { ScopeUsers } from "./engine/scope-users.ts";
import { Snapshots } from "./engine/snapshots.ts";
import { holdersOf, Leftovers } from "./leftovers.ts";
import { type ControllerMetrics, type ControllerName, controllerName } from "./metrics.ts";
import { NodePorts } from "./node-ports/node-ports.ts";
import { NodeSyncs } from "./nodes/node-syncs.ts";
import { ServiceNodes } from "./nodes/service-nodes.ts";
import { OrphanSweep } from "./orphans/index.ts";
import { Provisioner } from "./services/provisioner.ts";
import { ServiceReconciler } from "./services/service-reconciler.ts";
import { Teardown } from "./services/teardown.ts";
import { Records } from "./status/records.ts";
import { Reporter } from "./status/reporter.ts";
import { ServiceStates } from "./status/service-states.ts";
import { backoff, type Stores, type TermOptions } from "./term-options.ts";

/** What a term consists of; nothing of it does anything yet. */
export interface TermParts {
  readonly queues: Queues;
  readonly metrics: ControllerMetrics;
  readonly classes: ClassView;
  readonly admission: Admission;
  readonly classReporter: ClassReporter;
  readonly nodes: ServiceNodes;
  readonly nodeSyncs: NodeSyncs;
  readonly addresses: ServiceAddresses;
  /** Undefined without a provider that takes addresses from pools: they are no business of ours then. */
  readonly poolFollower: PoolFollower | undefined;
  readonly poolStatus: PoolStatusWriter;
  /** By name. */
  readonly providers: ReadonlyMap<string, GuardedAdapter>;
  readonly circuit: Circuit;
  readonly snapshots: Snapshots;
  readonly runner: ProviderRunner;
  readonly scopes: ScopeReconciler;
  readonly records: Records;
  readonly reporter: Reporter;
  readonly leftovers: Leftovers;
  readonly orphans: OrphanSweep;
  readonly reconciler: ServiceReconciler;
}

/** One for each kind of work. */
interface Queues {
  readonly services: WorkQueue;
  readonly scopes: WorkQueue;
  readonly leftovers: WorkQueue;
  readonly classes: WorkQueue;
}

/** What a term is made from. */
interface Given {
  readonly options: TermOptions;
  readonly stores: Stores;
  readonly metrics: ControllerMetrics;
  /** Asked before each write; a text says why there may be none. */
  readonly mayWrite: () => string | undefined;
  /** Gets what has to be ended. */
  readonly held: DisposableStack;
}

/** What all parts are made of. */
interface Ground extends Given {
  readonly queues: Queues;
  readonly classes: ClassView;
}

export function assemble(given: Given): TermParts {
  const { options, stores, metrics, mayWrite, held } = given;
  const queues = queuesOf(options, held);
  const classes = held.use(new ClassView(options.classes, stores.classes));
  const ground: Ground = { ...given, queues, classes };
  // Behind what users change meanwhile.
  const later = (key: string): void => queues.services.add(key, initialPriority);
  const nodeSyncs = new NodeSyncs(metrics, options.clock);
  const onNodes = (key: string): void => {
    nodeSyncs.note(key);
    later(key);
  };
  const nodes = held.use(new ServiceNodes({ ...options, ...stores, onChange: onNodes }));
  const taken = addressParts(ground);
  const onScopeChange = (ids: readonly LbIdentity[]): void => {
    for (const id of ids)
      if (leftovers.knows(id)) queues.leftovers.add(id.uid);
      else queues.services.add(`${id.namespace}/${id.name}`);
  };
  const engine = engineParts(ground, nodes, { onChange: onScopeChange, hasOrphans: (name) => orphans.hasAny(name) });
  const status = statusParts(ground);
  const admission = new Admission({ ...stores, classes: classes.current, onChange: later });
  const parts = { ...taken, ...engine, ...status, nodes, nodeSyncs, admission };
  const leftovers = leftoversOf(ground, parts, (uid) => orphans.knows(uid));
  const orphans = orphansOf(ground, parts, leftovers);
  const reconciler = reconcilerOf(ground, parts, leftovers);
  const classReporter = new ClassReporter({
    ...options,
    objects: stores.classes,
    view: classes,
    providers: parts.providers,
    mayWrite,
  });
  return { ...parts, queues, metrics, classes, classReporter, leftovers, orphans, reconciler };
}

function queuesOf({ logger, metrics, clock, random }: TermOptions, held: DisposableStack): Queues {
  const queue = (name: ControllerName): WorkQueue =>
    held.use(new WorkQueue({ name, logger, metrics, clock, random, backoff }));
  return {
    services: queue(controllerName),
    scopes: queue("scopes"),
    leftovers: queue("leftovers"),
    classes: queue("classes"),
  };
}

function addressParts({
  options,
  stores,
  mayWrite,
  queues,
  classes,
}: Ground): Pick<TermParts, "addresses" | "poolFollower" | "poolStatus"> {
  const onStatus = (): void => poolStatus.touch();
  const addresses = new ServiceAddresses({
    namespaces: stores.namespaces,
    onFree: (key) => queues.services.add(key),
    onChange: onStatus,
  });
  const poolStatus = new PoolStatusWriter({
    ...options,
    pools: stores.pools,
    usageOf: (pool) => addresses.usageOf(pool),
    mayWrite,
  });
  const takers = options.providers.filter(({ capabilities }) => capabilities.needsAddresses).map(({ name }) => name);
  const isServed = (service: Service): boolean => {
    const holders = holdersOf(service, classes.current());
    return takers.some((name) => holders.includes(name));
  };
  const { pool } = options;
  const poolFollower =
    takers.length === 0 ? undefined : new PoolFollower({ ...stores, pool, addresses, isServed, onStatus });
  return { addresses, poolFollower, poolStatus };
}

function engineParts(
  { options, stores, mayWrite, queues, metrics, classes }: Ground,
  nodes: ServiceNodes,
  heard: Pick<ScopeReconcilerOptions, "onChange" | "hasOrphans">,
): Pick<TermParts, "providers" | "circuit" | "snapshots" | "runner" | "scopes"> {
  const { clusterId, driftResyncMs, clock, logger } = options;
  const circuit = new Circuit(clock, logger, options.pauses);
  const providers = new Map(options.providers.map((adapter) => [adapter.name, new GuardedAdapter(adapter, circuit)]));
  const users = new ScopeUsers(stores.services, classes.current, clusterId);
  const snapshots = new Snapshots(clock, logger, (adapter) => users.scopesOf(adapter));
  const checkAfterMs = driftResyncMs * 0.9;
  const onDrift = (provider: string): void => metrics.drift.inc({ provider });
  for (const provider of providers.keys()) metrics.drift.inc({ provider }, 0);
  const runner = new ProviderRunner({ mayWrite, circuit, snapshots, checkAfterMs, onDrift, clock, logger });
  const scopes = new ScopeReconciler({
    runner,
    users,
    queue: queues.scopes,
    nodes: (capabilities) => nodes.all(capabilities),
    ...heard,
    driftMs: () => driftMs(options),
    unusedMs: isLeaving(options) ? 0 : unusedMs,
    clock,
  });
  return { providers, circuit, snapshots, runner, scopes };
}

const unusedMs = 600_000;
/** Who leaves waits for nobody who might come. */
const leavingSweepMs = 2000;

/** All that there is goes, and nothing comes. */
function isLeaving({ classes }: TermOptions): boolean {
  return classes.areLeft === true;
}

/** Jittered, so that a restart does not make all of them come back at one moment for ever. */
function driftMs({ driftResyncMs, random }: TermOptions): number {
  return driftResyncMs * (0.9 + 0.2 * random());
}

function statusParts({ options, stores, mayWrite, held, metrics }: Ground): Pick<TermParts, "records" | "reporter"> {
  const records = held.use(
    new Records({
      ...options,
      store: stores.records,
      mayWrite,
      onRefused: (...refusal) => reporter.recordRefused(...refusal),
    }),
  );
  const states = new ServiceStates(metrics.serviceStates, metrics.timeToReady, options.clock);
  const reporter = new Reporter({ ...options, services: stores.services, records, states, mayWrite });
  return { records, reporter };
}

function leftoversOf(
  { options, queues, classes }: Ground,
  parts: Pick<TermParts, "providers" | "runner" | "scopes" | "addresses" | "reporter">,
  isOrphan: (uid: string) => boolean,
): Leftovers {
  const { reporter } = parts;
  return new Leftovers({
    ...options,
    ...parts,
    classes: classes.current,
    isOrphan,
    onNoted: (uid) => queues.leftovers.add(uid),
    onGone: (key) => queues.services.add(key),
    onStuck: (id, failure) => reporter.stuck(id, failure),
  });
}

function orphansOf(
  { options, stores, metrics, classes }: Ground,
  { providers, runner, addresses, reporter }: Pick<TermParts, "providers" | "runner" | "addresses" | "reporter">,
  leftovers: Leftovers,
): OrphanSweep {
  const hastens = isLeaving(options) && options.orphans.deletes;
  return new OrphanSweep({
    ...options,
    providers,
    services: stores.services,
    classes: classes.current,
    policy: hastens ? { deletes: true, graceMs: 0 } : options.orphans,
    leftovers,
    pauseOf: (provider) => runner.pauseOf(provider),
    onFound: (id, text) => reporter.orphaned(id, text),
    onVanished: (uid) => addresses.release(uid),
    periodMs: () => (hastens ? leavingSweepMs : driftMs(options)),
    count: metrics.orphans,
  });
}

function reconcilerOf(
  { options, stores, queues, metrics, classes }: Ground,
  parts: Pick<TermParts, "providers" | "runner" | "scopes" | "addresses" | "reporter" | "nodes" | "admission">,
  leftovers: Leftovers,
): ServiceReconciler {
  const { reporter } = parts;
  const { services } = stores;
  const nodePorts = new NodePorts({ ...options.nodePorts, services, reporter, logger: options.logger });
  const onWake = (key: string): void => queues.services.add(key);
  const common = { ...options, ...parts, services, nodePorts, onWake };
  return new ServiceReconciler({
    ...common,
    classes: classes.current,
    provisioner: new Provisioner({ ...common, driftMs: () => driftMs(options) }),
    teardown: new Teardown(common),
    backoffOf: (key) => Math.min(backoff.capMs, backoff.baseMs * 2 ** queues.services.failures(key)),
    onIgnored: (service) => {
      reporter.ignored(service);
      leftovers.ignored(service);
    },
    metrics,
  });
}
