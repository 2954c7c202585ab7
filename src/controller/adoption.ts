import type { Service } from "../api/index.ts";
import { Backoff, errorMessage, isAbort, sleep } from "../base/index.ts";
import type { Store } from "../kube/index.ts";
import type { OwnedObject, ProviderAdapter } from "../provider/index.ts";
import { type Holders, holdersIn } from "./orphans/index.ts";
import { backoff, type TermOptions } from "./term-options.ts";
import type { TermParts } from "./term-parts.ts";

/**
 * Learns which addresses are in use, before anything is given, and which load balancers no Service wants. Who has no
 * addresses of ours is not waited for: a cloud that does not answer must not keep others from their work, nor its own
 * Services from hearing of it.
 */
export async function adopt(
  options: TermOptions,
  store: Pick<Store<Service>, "list">,
  parts: TermParts,
  signal: AbortSignal,
): Promise<void> {
  const { providers, classes, addresses, nodes, reconciler } = parts;
  const services = store.list();
  const holders = holdersIn(services, classes.current());
  for (const adapter of providers.values()) {
    const adopting = listOwned(options, adapter, signal).then((owned) =>
      adoptOwned(parts, adapter, owned, holdersIn(store.list(), classes.current())),
    );
    if (adapter.capabilities.needsAddresses) await adopting;
    else adopting.catch((error: unknown) => logUnlessAborted(options, error, signal));
  }
  addresses.adoptStatuses(services.filter(({ metadata }) => (holders.get(metadata.uid ?? "") ?? []).length > 0));
  nodes.adopt(services);
  for (const service of services) reconciler.adopt(service);
}

function adoptOwned(
  { scopes, addresses, orphans }: TermParts,
  adapter: ProviderAdapter,
  owned: readonly OwnedObject[],
  holders: Holders,
): void {
  for (const object of owned) {
    scopes.note(adapter, object);
    if (object.scope.kind !== "shared") addresses.adoptOwned(object.scope.id.uid, object.addresses);
  }
  orphans.see(adapter, owned, holders);
}

function logUnlessAborted({ logger }: TermOptions, error: unknown, signal: AbortSignal): void {
  if (!isAbort(error, signal)) logger.error("cannot adopt load balancers", { why: errorMessage(error) });
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
