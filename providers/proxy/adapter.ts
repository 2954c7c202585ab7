import type { DesiredLoadBalancer, LbIdentity } from "../../src/model/index.ts";
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
import type { Addressing } from "./addressing.ts";
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
  needs: "internalIP",
  members: false,
};

export class ProxyAdapter implements ProviderAdapter<null, Observation>, HealthWatcher {
  readonly name = "proxy";
  readonly capabilities: Capabilities;
  readonly #runtime: Runtime;
  readonly #addressing: Addressing;

  constructor(runtime: Runtime, addressing: Addressing) {
    this.capabilities = { ...capabilities, needsAddresses: addressing.kind === "pool" };
    this.#runtime = runtime;
    this.#addressing = addressing;
  }

  validate(desired: DesiredLoadBalancer): readonly Issue[] {
    return validate(desired, this.#addressing);
  }

  scopes({ id }: DesiredLoadBalancer): readonly ScopeKey[] {
    return [{ kind: "service", id }];
  }

  /** Files and namespaces are local: looking at each one when it is wanted is as cheap, and fresher. */
  async snapshot(): Promise<null> {
    return null;
  }

  async observe(key: ScopeKey, _from: null | "live", signal: AbortSignal): Promise<Observation> {
    return this.#runtime.observe(identityOf(key), signal);
  }

  plan(key: ScopeKey, desired: Desired | null, observed: Observation): Plan {
    if (desired?.kind !== "service") return planAbsent(identityOf(key), observed);
    if (desired.lb.retain) return planRetained(desired.lb.id, observed);
    return planPresent(desired.lb, desired.nodes, observed, this.#addressing);
  }

  apply(step: PlanStep, _outputs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    return this.#runtime.apply(step.input as Action, signal);
  }

  status(desired: DesiredLoadBalancer, service: Observation): LbStatus {
    return status(desired, service, this.#addressing);
  }

  async *listOwned(clusterId: string, signal: AbortSignal): AsyncIterable<OwnedObject> {
    for await (const { id, directory, retained, addresses } of this.#runtime.owned(clusterId, signal))
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
