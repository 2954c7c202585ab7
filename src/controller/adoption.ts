import type { Service } from "../api/index.ts";
import { Backoff, errorMessage, isAbort, sleep } from "../base/index.ts";
import type { LbIdentity } from "../model/index.ts";
import type { OwnedObject, ProviderAdapter } from "../provider/index.ts";
import { holdersOf } from "./leftovers.ts";
import { backoff, type TermOptions } from "./term-options.ts";
import type { TermParts } from "./term-parts.ts";

/** By the UID of each Service, the providers whose business it is. */
type Holders = ReadonlyMap<string, readonly string[]>;

/** Learns which addresses are in use and which load balancers have lost their Service, before anything is given. */
export async function adopt(
  options: TermOptions,
  services: readonly Service[],
  parts: TermParts,
  signal: AbortSignal,
): Promise<void> {
  const { providers, classes, addresses, nodes, reconciler } = parts;
  const now = classes.current();
  const holders = new Map(services.map((service) => [service.metadata.uid ?? "", holdersOf(service, now)]));
  for (const adapter of providers.values()) {
    const owned = await listOwned(options, adapter, signal);
    const lost = adoptOwned(parts, adapter, owned, holders);
    noteLost(options, parts, { provider: adapter.name, lost, ownedCount: owned.length });
  }
  addresses.adoptStatuses(services.filter(({ metadata }) => (holders.get(metadata.uid ?? "") ?? []).length > 0));
  nodes.adopt(services);
  for (const service of services) reconciler.adopt(service);
}

/** Returns those whose Service is not the provider's business any more. */
function adoptOwned(
  { scopes, addresses }: TermParts,
  adapter: ProviderAdapter,
  owned: readonly OwnedObject[],
  holders: Holders,
): readonly LbIdentity[] {
  const lost = new Map<string, LbIdentity>();
  for (const object of owned) {
    const { scope, retained } = object;
    scopes.note(adapter, object);
    if (scope.kind === "shared") continue;
    addresses.adoptOwned(scope.id.uid, object.addresses);
    if (!retained && holders.get(scope.id.uid)?.includes(adapter.name) !== true) lost.set(scope.id.uid, scope.id);
  }
  return [...lost.values()];
}

interface Lost {
  readonly provider: string;
  readonly lost: readonly LbIdentity[];
  readonly ownedCount: number;
}

function noteLost({ logger }: TermOptions, { leftovers }: TermParts, { provider, lost, ownedCount }: Lost): void {
  const most = Math.max(5, Math.floor(ownedCount / 10));
  for (const id of lost.slice(0, most)) leftovers.note(id);
  if (lost.length > most)
    logger.warn("more load balancers without a service than are torn down at one start", {
      provider,
      count: lost.length,
      why: `only ${most} go, as many at once may mean that this is not the cluster that made them`,
    });
}

/** Asks until the provider answers: without the answer an address could be given away twice. */
async function listOwned(
  { clusterId, clock, random, logger }: TermOptions,
  adapter: ProviderAdapter,
  signal: AbortSignal,
): Promise<readonly OwnedObject[]> {
  const waits = new Backoff({ ...backoff, jitter: 0.2 }, random);
  for (;;) {
    try {
      return await Array.fromAsync(adapter.listOwned(clusterId, signal));
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      const retryMs = Math.round(waits.next());
      logger.warn("cannot list load balancers", { provider: adapter.name, why: errorMessage(error), retryMs });
      await sleep(retryMs, signal, clock);
    }
  }
}
