import type { DesiredLoadBalancer, LbIdentity } from "../../src/model/index.ts";
import type { Cidr } from "../../src/net/index.ts";
import type {
  Capabilities,
  Desired,
  HealthWatcher,
  Issue,
  LbStatus,
  OwnedObject,
  Plan,
  PlanStep,
  ProviderAdapter,
  ScopeKey,
  StepResult,
} from "../../src/provider/index.ts";
import type { Action, Observation } from "./observation.ts";
import { planAbsent, planPresent, planRetained, status, validate } from "./plan.ts";
import type { Runtime } from "./runtime.ts";

export const capabilities: Capabilities = {
  protocols: ["TCP", "UDP"],
  mixedProtocols: true,
  families: ["IPv4", "IPv6"],
  dualStack: true,
  needsNodePorts: true,
  needsAddresses: true,
  ipMode: "Proxy",
  sourceRanges: true,
  sessionAffinity: true,
};

/** By UID. Files and namespaces are local, so a snapshot is as fresh and as dear as looking at each. */
type Snapshot = ReadonlyMap<string, Observation>;

export class ProxyAdapter implements ProviderAdapter<Snapshot, Observation>, HealthWatcher {
  readonly name = "proxy";
  readonly capabilities: Capabilities = capabilities;
  readonly #runtime: Runtime;
  readonly #prefixes: readonly Cidr[];

  constructor(runtime: Runtime, prefixes: readonly Cidr[]) {
    this.#runtime = runtime;
    this.#prefixes = prefixes;
  }

  validate(desired: DesiredLoadBalancer): readonly Issue[] {
    return validate(desired, this.#prefixes);
  }

  scopes({ id }: DesiredLoadBalancer): readonly ScopeKey[] {
    return [{ kind: "service", id }];
  }

  async snapshot(keys: readonly ScopeKey[], signal: AbortSignal): Promise<Snapshot> {
    const snapshot = new Map<string, Observation>();
    for (const key of keys) snapshot.set(identityOf(key).uid, await this.#runtime.observe(identityOf(key), signal));
    return snapshot;
  }

  async observe(key: ScopeKey, from: Snapshot | "live", signal: AbortSignal): Promise<Observation> {
    const id = identityOf(key);
    const known = from === "live" ? undefined : from.get(id.uid);
    return known ?? this.#runtime.observe(id, signal);
  }

  plan(key: ScopeKey, desired: Desired | null, observed: Observation): Plan {
    if (desired?.kind !== "service") return planAbsent(identityOf(key), observed);
    if (desired.lb.retain) return planRetained(desired.lb.id, observed);
    return planPresent(desired.lb, desired.nodes, observed, this.#prefixes);
  }

  apply(step: PlanStep, _outputs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    return this.#runtime.apply(step.input as Action, signal);
  }

  status(desired: DesiredLoadBalancer, service: Observation): LbStatus {
    return status(desired, service);
  }

  async *listOwned(clusterId: string): AsyncIterable<OwnedObject> {
    for await (const { id, directory, retained, addresses } of this.#runtime.owned(clusterId))
      yield { scope: { kind: "service", id }, ref: directory, retained, addresses };
  }

  watchHealth(onChange: (key: ScopeKey) => void): Disposable {
    return this.#runtime.watch((id) => onChange({ kind: "service", id }));
  }
}

function identityOf(key: ScopeKey): LbIdentity {
  if (key.kind === "service") return key.id;
  throw new Error(`the proxy provider has no scope of kind ${key.kind}`);
}
