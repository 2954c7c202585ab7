import {
  endpointSlices,
  headlessLabel,
  ipAddressPools,
  leases,
  loadBalancerClasses,
  loadBalancerRecords,
  namespaces,
  nodes,
  type Resource,
  services,
} from "../api/index.ts";
import { errorMessage } from "../base/index.ts";
import { isForbidden, type KubeObject, Reflector, Store, type StoreOptions } from "../kube/index.ts";
import { sliceIndexes } from "./nodes/endpoint-nodes.ts";
import { allowing, rightToFollow } from "./rights.ts";
import type { Stores, TermOptions } from "./term-options.ts";

/** A kind of which the first state is not in yet. */
export interface Missing {
  readonly kind: string;
  /** What the API server says to that, and what to do; undefined while it has said nothing. */
  readonly why: string | undefined;
}

interface Watch {
  readonly right: string;
  readonly store: Pick<Stores["services"], "kind" | "synced" | "hasSynced">;
  readonly reflector: { readonly failure: unknown; run(signal: AbortSignal): Promise<void> };
  readonly isNeeded: boolean;
}

interface How<T extends KubeObject, I extends string> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly indexes?: StoreOptions<T, I>["indexes"];
  /** All works where the API server does not serve the kind. */
  readonly optional?: boolean;
  /** Whether anything that is done depends on it; what keeps us from seeing other kinds is in nobody's way. */
  readonly isNeeded?: boolean;
}

/** What the controller knows of the cluster, kept up to date. */
export class Mirror {
  readonly stores: Stores;
  readonly #options: TermOptions;
  /** By the name of the store. */
  readonly #watches = new Map<keyof Stores, Watch>();

  constructor(options: TermOptions) {
    this.#options = options;
    const { providers, agentNamespace: namespace } = options;
    const needs = (what: "endpointNodes" | "agents" | "needsAddresses"): boolean =>
      providers.some(({ capabilities }) => capabilities[what] === true);
    const optional = true;
    const ofSlices = { labelSelector: `!${headlessLabel}`, indexes: sliceIndexes };
    this.stores = {
      services: this.#follow("services", services),
      nodes: this.#follow("nodes", nodes),
      classes: this.#follow("classes", loadBalancerClasses, { optional }),
      namespaces: this.#follow("namespaces", namespaces),
      pools: this.#follow("pools", ipAddressPools, { optional, isNeeded: needs("needsAddresses") }),
      slices: needs("endpointNodes") ? this.#follow("slices", endpointSlices, ofSlices) : undefined,
      agents: needs("agents") ? this.#follow("agents", leases, { namespace }) : undefined,
      records: this.#follow("records", loadBalancerRecords, { optional, isNeeded: false }),
    };
  }

  /** The kinds that are needed and not known yet. */
  get missing(): readonly Missing[] {
    return this.#needed
      .filter(({ store }) => !store.hasSynced)
      .map((watch) => ({ kind: watch.store.kind, why: failureOf(watch) }));
  }

  /** Resolves once nothing that is needed is missing any more. */
  get synced(): Promise<unknown> {
    return Promise.all(this.#needed.map(({ store }) => store.synced));
  }

  /** What keeps the store of this name from being up to date; undefined when nothing is known to. */
  failureOf(name: keyof Stores): string | undefined {
    const watch = this.#watches.get(name);
    return watch === undefined ? undefined : failureOf(watch);
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#watches.values()].map(({ reflector }) => reflector.run(signal)));
  }

  get #needed(): readonly Watch[] {
    return [...this.#watches.values()].filter(({ isNeeded }) => isNeeded);
  }

  #follow<T extends KubeObject, I extends string = never>(
    name: keyof Stores,
    resource: Resource<T>,
    { indexes, isNeeded = true, ...how }: How<T, I> = {},
  ): Store<T, I> {
    const { client, logger, metrics, clock, random } = this.#options;
    const store = new Store<T, I>({ kind: resource.kind, logger, metrics, ...(indexes !== undefined && { indexes }) });
    const reflector = new Reflector({ client, resource, store, ...how, logger, metrics, clock, random });
    this.#watches.set(name, { right: rightToFollow(resource, how.namespace), store, reflector, isNeeded });
    return store;
  }
}

function failureOf({ right, reflector: { failure } }: Watch): string | undefined {
  if (failure === undefined) return undefined;
  const message = errorMessage(failure);
  return isForbidden(failure) ? `${message}; ${allowing(right)}` : message;
}
