import { type LoadBalancerRecordStatus, objectKey, type Service } from "../api/index.ts";
import type { QueueState } from "../kube/index.ts";
import { type Classes, type Classification, classify } from "../model/index.ts";
import { cutList, pageOf } from "../telemetry/index.ts";
import { classesFrom } from "./classes/classes-from.ts";
import type { Mirror } from "./mirror.ts";
import type { Stores, TermOptions } from "./term-options.ts";
import type { TermParts } from "./term-parts.ts";

/** What a controller believes; `parts` only while it leads. */
export interface ControllerView {
  readonly options: TermOptions;
  readonly mirror: Pick<Mirror, "stores" | "failureOf">;
  readonly parts: TermParts | undefined;
}

/**
 * What the controller believes, as JSON for people: sorted, bounded, and without anything that a Service or a provider
 * keeps secret. `?service=namespace/name` shows one Service, `?limit=` and `?after=namespace/name` the next page.
 */
export function describeState({ options, mirror, parts }: ControllerView, query: URLSearchParams): object {
  const { stores } = mirror;
  return {
    leading: parts !== undefined,
    clusterId: options.clusterId,
    caches: describeCaches(mirror),
    queues:
      parts === undefined
        ? {}
        : Object.fromEntries(Object.entries(parts.queues).map(([name, queue]) => [name, describeQueue(queue.state())])),
    providers: Object.fromEntries(options.providers.map(({ name }) => [name, describeProvider(name, options, parts)])),
    services: pageOf(servicesOf(stores, parts?.classes.current() ?? currentClasses(options, stores)), query, (found) =>
      describeService(found, parts?.records.statusOf(found.key) ?? stores.records.get(found.key)?.status),
    ),
  };
}

function describeCaches(mirror: ControllerView["mirror"]): object {
  const names = Object.keys(mirror.stores) as (keyof Stores)[];
  return Object.fromEntries(
    names.flatMap((name) => {
      const store = mirror.stores[name];
      if (store === undefined) return [];
      const failure = mirror.failureOf(name);
      return [[name, { synced: store.hasSynced, size: store.size, ...(failure !== undefined && { failure }) }]];
    }),
  );
}

function describeQueue({ ready, working, waiting }: QueueState): object {
  return {
    depth: [...ready.values()].reduce((sum, keys) => sum + keys.length, 0),
    // The first is worked on next.
    ready: [...ready].sort(([a], [b]) => b - a).map(([priority, keys]) => ({ priority, keys: cutList(keys) })),
    working: working.toSorted(),
    waiting: cutList(
      waiting
        .toSorted((a, b) => a.inMs - b.inMs)
        .map(({ key, priority, inMs }) => ({ key, priority, inSeconds: inMs / 1000 })),
    ),
  };
}

function describeProvider(name: string, { budgets }: TermOptions, parts: TermParts | undefined): object {
  const pauses = parts?.circuit.pausesOf(name) ?? [];
  const ageMs = parts?.snapshots.ageMs(name);
  return {
    circuit: {
      open: pauses.length > 0,
      pauses: pauses.map(({ scope, leftMs, relapses }) => ({ scope, leftSeconds: leftMs / 1000, relapses })),
    },
    buckets: Object.fromEntries(
      [...(budgets?.get(name)?.state() ?? [])].map(([kind, { perSecond, burst, waitMs }]) => [
        kind,
        { perSecond, burst, waitSeconds: waitMs / 1000 },
      ]),
    ),
    snapshotAgeSeconds: ageMs === undefined ? null : ageMs / 1000,
  };
}

interface FoundService {
  readonly key: string;
  readonly service: Service;
  readonly found: Exclude<Classification, { kind: "ignore" }>;
}

/** A standby follows no classes; what it says is the same. */
function currentClasses({ classes }: TermOptions, stores: Stores): Classes {
  return classesFrom(classes, stores.classes.list()).classes;
}

/** Those that are ours, now or until they are cleaned up. */
function servicesOf({ services }: Stores, classes: Classes): readonly FoundService[] {
  return services.list().flatMap((service) => {
    const found = classify(service, classes);
    return found.kind === "ignore" ? [] : [{ key: objectKey(service.metadata), service, found }];
  });
}

function describeService({ key, service, found }: FoundService, status: LoadBalancerRecordStatus | undefined): object {
  const { lastPlan, lastError, awaiting, nextTryAt, addresses, targets } = status ?? {};
  return {
    service: key,
    uid: service.metadata.uid,
    class: service.spec?.loadBalancerClass ?? null,
    providers: found.kind === "own" ? [found.policy.provider] : found.providers,
    ...(found.kind === "cleanup" && { leaving: found.cause }),
    addresses: addresses ?? [],
    targets: targets ?? null,
    lastPlan: lastPlan ?? null,
    lastError: lastError ?? null,
    awaiting: awaiting ?? null,
    nextTryAt: nextTryAt ?? null,
  };
}
