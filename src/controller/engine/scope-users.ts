import type { Service } from "../../api/index.ts";
import type { Store } from "../../kube/index.ts";
import { type Classes, classOf, type DesiredLoadBalancer, desiredLoadBalancer } from "../../model/index.ts";
import type { ProviderAdapter, ScopeKey } from "../../provider/index.ts";
import { holdersOf } from "../leftovers.ts";
import { scopeName } from "./scope-name.ts";

/** Which Services need which scopes of a provider, told by the Services alone. */
export class ScopeUsers {
  readonly #services: Store<Service>;
  readonly #classes: () => Classes;
  readonly #clusterId: string;

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

  *#wishes(
    adapter: ProviderAdapter,
  ): Generator<{ readonly lb: DesiredLoadBalancer; readonly scopes: readonly ScopeKey[] | undefined }> {
    const classes = this.#classes();
    for (const service of this.#services.list()) {
      if (!holdersOf(service, classes).includes(adapter.name)) continue;
      // One that is let go may have no class of ours any more.
      const { loadBalancerClass = "" } = service.spec ?? {};
      const policy = classOf(service, classes) ?? { loadBalancerClass, provider: adapter.name, parameters: "unknown" };
      const { lb } = desiredLoadBalancer(service, this.#clusterId, policy);
      yield { lb, scopes: scopesOrNot(adapter, lb) };
    }
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
