import type { Service } from "../../api/index.ts";
import type { Store } from "../../kube/index.ts";
import {
  type Classes,
  type ClassPolicy,
  classOf,
  type DesiredLoadBalancer,
  desiredLoadBalancer,
} from "../../model/index.ts";
import type { ProviderAdapter, ScopeKey } from "../../provider/index.ts";
import { holdersOf } from "../leftovers.ts";
import { scopeName } from "./scope-name.ts";

interface Wish {
  readonly adapter: ProviderAdapter;
  readonly policy: ClassPolicy | undefined;
  readonly lb: DesiredLoadBalancer;
  /** Undefined where the adapter cannot tell. */
  readonly scopes: readonly ScopeKey[] | undefined;
}

/** Which Services need which scopes of a provider, told by the Services alone. */
export class ScopeUsers {
  readonly #services: Store<Service>;
  readonly #classes: () => Classes;
  readonly #clusterId: string;
  /** By the object, which nobody changes. */
  readonly #known = new WeakMap<Service, Wish>();

  constructor(services: Store<Service>, classes: () => Classes, clusterId: string) {
    this.#services = services;
    this.#classes = classes;
    this.#clusterId = clusterId;
  }

  /** Every scope that a Service of this provider has, each once. */
  scopesOf(adapter: ProviderAdapter): readonly ScopeKey[] {
    const keys = new Map<string, ScopeKey>();
    for (const { scopes } of this.#wishes(adapter))
      for (const key of scopes ?? []) keys.set(scopeName(adapter.name, key), key);
    return [...keys.values()];
  }

  /**
   * The load balancers that need this scope, a Service that is being deleted and still has its finalizer among them.
   * `isUsed`: there may be one, also of a Service whose scopes the adapter cannot tell.
   */
  usersOf(
    adapter: ProviderAdapter,
    key: ScopeKey,
  ): { readonly users: readonly DesiredLoadBalancer[]; readonly isUsed: boolean } {
    const name = scopeName(adapter.name, key);
    const users: DesiredLoadBalancer[] = [];
    let isUsed = false;
    for (const { lb, scopes } of this.#wishes(adapter)) {
      const uses = scopes?.some((scope) => scopeName(adapter.name, scope) === name);
      if (uses === true) users.push(lb);
      isUsed ||= uses !== false;
    }
    return { users: users.sort((a, b) => (a.id.uid < b.id.uid ? -1 : 1)), isUsed };
  }

  *#wishes(adapter: ProviderAdapter): Generator<Wish> {
    const classes = this.#classes();
    for (const service of this.#services.list()) {
      if (holdersOf(service, classes).includes(adapter.name)) yield this.#wishOf(adapter, service, classes);
    }
  }

  /** Each is asked for again and again, for every scope that it may share: it is computed once as long as nothing changes. */
  #wishOf(adapter: ProviderAdapter, service: Service, classes: Classes): Wish {
    const policy = classOf(service, classes);
    const known = this.#known.get(service);
    if (known?.scopes !== undefined && known.adapter === adapter && known.policy === policy) return known;
    // One that is let go may have no class of ours any more.
    const { loadBalancerClass = "" } = service.spec ?? {};
    const nameless = { loadBalancerClass, provider: adapter.name, parameters: "unknown" } as const;
    const { lb } = desiredLoadBalancer(service, this.#clusterId, policy ?? nameless);
    const wish = { adapter, policy, lb, scopes: scopesOrNot(adapter, lb) };
    this.#known.set(service, wish);
    return wish;
  }
}

/** Undefined when the adapter fails: the Service's own reconcile says so. */
function scopesOrNot(adapter: ProviderAdapter, lb: DesiredLoadBalancer): readonly ScopeKey[] | undefined {
  try {
    return adapter.scopes(lb);
  } catch {
    return undefined;
  }
}
