import { systemClock } from "../../base/index.ts";
import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../model/index.ts";
import { formatIp } from "../../net/index.ts";
import {
  type Capabilities,
  type Desired,
  type HealthWatcher,
  type Issue,
  type LbStatus,
  makePlan,
  type OwnedObject,
  type Plan,
  type PlanStep,
  type ProviderAdapter,
  Requests,
  type ScopeKey,
  type StepResult,
  type Wait,
} from "../index.ts";
import {
  fullCapabilities,
  type MemoryOptions,
  type Observation,
  type StepHook,
  type World,
  type WorldObject,
} from "./memory-provider.ts";

/** Named objects; a step sends one request for each. */
type Batch = readonly (readonly [name: string, object: WorldObject])[];

/**
 * A provider in memory with all three kinds of scopes, as those of clouds are: a firewall that all load balancers of
 * the cluster share and that listeners need, and members that need the load balancer's group and hold it up.
 */
export class ScopedProvider implements ProviderAdapter<Observation, Observation>, HealthWatcher {
  readonly name = "scoped";
  readonly capabilities: Capabilities = { ...fullCapabilities, members: true };
  readonly #world: World;
  readonly #hook: StepHook;
  readonly #requests: Requests;

  constructor(world: World, { hook = () => {}, fence = () => undefined }: Pick<MemoryOptions, "hook" | "fence"> = {}) {
    this.#world = world;
    this.#hook = hook;
    this.#requests = new Requests({ fence, clock: systemClock });
  }

  validate(): readonly Issue[] {
    return [];
  }

  scopes({ id }: DesiredLoadBalancer): readonly ScopeKey[] {
    return [{ kind: "service", id }, { kind: "members", id }, firewallKey(id.clusterId)];
  }

  async snapshot(): Promise<Observation> {
    this.#world.snapshots++;
    return new Map(this.#world.objects);
  }

  async observe(key: ScopeKey, from: Observation | "live"): Promise<Observation> {
    if (from === "live") this.#world.observations++;
    const prefix = key.kind === "shared" ? firewall : `${key.id.uid}/`;
    const objects = from === "live" ? this.#world.objects : from;
    return new Map([...objects].filter(([name]) => name === firewall || name.startsWith(prefix)));
  }

  plan(key: ScopeKey, desired: Desired | null, observed: Observation): Plan {
    if (key.kind === "shared") return planFirewall(key, desired, observed);
    if (key.kind === "members") return planMembers(key.id, desired, observed);
    return desired?.kind === "service" ? planPresent(desired.lb, observed) : planAbsent(key.id, observed);
  }

  async apply(step: PlanStep, _: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    await this.#hook(step, "before");
    for (const [name, object] of step.input as Batch)
      await this.#requests.send("write", name, signal, async () => this.#world.commit(step.action, name, object));
    await this.#hook(step, "after");
    return { state: "done" };
  }

  status({ id, ports }: DesiredLoadBalancer, service: Observation, members: Observation | null): LbStatus {
    const addresses = service.get(`${id.uid}/address`)?.value.split(",") ?? [];
    const targets = [...(members?.values() ?? [])].filter(({ kind }) => kind === "member").map(({ value }) => value);
    return {
      ingress: addresses.map((ip) => ({
        ip,
        ipMode: this.capabilities.ipMode,
        ports: ports.map(({ port, protocol }) => ({ port, protocol })),
      })),
      targets: { ready: targets.filter((node) => !this.#world.unhealthy.has(node)).length, total: targets.length },
      issues: [],
    };
  }

  async *listOwned(clusterId: string): AsyncIterable<OwnedObject> {
    this.#world.lists++;
    for (const [ref, { kind, id, value }] of this.#world.objects) {
      if (id.clusterId !== clusterId) continue;
      const retained = this.#world.retained.has(ref);
      const addresses = kind === "address" ? value.split(",") : [];
      if (kind === "address" || kind === "member")
        yield { scope: { kind: kind === "member" ? "members" : "service", id }, ref, retained, addresses };
      if (kind === "firewall") yield { scope: firewallKey(clusterId), ref, retained, addresses };
    }
  }

  watchHealth(onChange: (key: ScopeKey) => void): Disposable {
    return this.#world.onHealth((key) => {
      if (key.kind === "service") onChange({ kind: "members", id: key.id });
    });
  }
}

const firewall = "firewall";

function firewallKey(clusterId: string): Extract<ScopeKey, { kind: "shared" }> {
  return { kind: "shared", clusterId, name: firewall };
}

function planPresent(lb: DesiredLoadBalancer, observed: Observation): Plan {
  const { id } = lb;
  const address = object("address", id, lb.addresses.map(formatIp).join(","));
  const base = [
    ...putStep(`${id.uid}/address`, address, observed),
    ...putStep(`${id.uid}/group`, object("group", id, ""), observed),
  ];
  const open = portsOf([lb]).every((port) => observed.get(firewall)?.value.split(",").includes(port));
  const listeners = new Map(
    lb.ports.map(({ protocol, port, nodePort }) => [
      `${id.uid}/${protocol}-${port}`,
      object("listener", id, `${nodePort}`),
    ]),
  );
  const after = base.map((step) => step.id);
  const puts = [...listeners].flatMap(([name, listener]) => putStep(name, listener, observed, after));
  const surplus = [...observed].filter(([name, { kind }]) => kind === "listener" && !listeners.has(name));
  const steps = [...base, ...(open ? puts : []), ...deleteSteps(surplus)];
  return planOf(steps, open ? [] : [wait("the firewall does not admit its ports yet", firewallKey(id.clusterId))]);
}

function planAbsent(id: LbIdentity, observed: Observation): Plan {
  const own = [...observed].filter(([, found]) => found.id.clusterId === id.clusterId && found.kind !== "firewall");
  const hasMembers = own.some(([, { kind }]) => kind === "member");
  const listeners = deleteSteps(own.filter(([, { kind }]) => kind === "listener"));
  const rest = own.filter(([, { kind }]) => kind === "address" || (kind === "group" && !hasMembers));
  const after = listeners.map((step) => step.id);
  const waits = hasMembers ? [wait("its members are not gone yet", { kind: "members", id })] : [];
  return planOf([...listeners, ...deleteSteps(rest, after)], waits);
}

function planMembers(id: LbIdentity, desired: Desired | null, observed: Observation): Plan {
  const nodes: readonly NodeTarget[] = desired?.kind === "members" ? desired.nodes : [];
  const wanted = new Map(
    nodes.map(({ name }): [string, WorldObject] => [`${id.uid}/members/${name}`, object("member", id, name)]),
  );
  if (desired !== null && !observed.has(`${id.uid}/group`))
    return planOf([], [wait("its load balancer has no group yet", { kind: "service", id })]);
  const missing = [...wanted].filter(([name]) => !observed.has(name));
  const surplus = [...observed].filter(([name, { kind }]) => kind === "member" && !wanted.has(name));
  return planOf([
    ...(missing.length > 0 ? [step("create", `${id.uid}/members`, missing)] : []),
    ...(surplus.length > 0 ? [step("delete", `${id.uid}/surplus`, surplus)] : []),
  ]);
}

function planFirewall({ clusterId }: { clusterId: string }, desired: Desired | null, observed: Observation): Plan {
  const id = { clusterId, uid: firewall, namespace: "", name: firewall };
  if (desired?.kind !== "shared") return planOf(deleteSteps([...observed]));
  return planOf(putStep(firewall, object("firewall", id, portsOf(desired.users).join(",")), observed));
}

function portsOf(lbs: readonly DesiredLoadBalancer[]): readonly string[] {
  return [...new Set(lbs.flatMap(({ ports }) => ports.map(({ nodePort }) => `${nodePort}`)))].sort();
}

function object(kind: WorldObject["kind"], id: LbIdentity, value: string): WorldObject {
  return { kind, id, value };
}

function putStep(
  name: string,
  wanted: WorldObject,
  observed: Observation,
  dependsOn: readonly string[] = [],
): readonly PlanStep[] {
  const found = observed.get(name);
  if (found?.value === wanted.value && found.id.clusterId === wanted.id.clusterId) return [];
  return [{ ...step(found === undefined ? "create" : "update", name, [[name, wanted]]), dependsOn }];
}

function deleteSteps(doomed: Batch, dependsOn: readonly string[] = []): readonly PlanStep[] {
  return doomed.map((entry) => ({ ...step("delete", entry[0], [entry]), dependsOn }));
}

function step(action: PlanStep["action"], id: string, input: Batch): PlanStep {
  return { id, action, target: id, dependsOn: [], input, diff: [] };
}

function wait(what: string, on: ScopeKey): Wait {
  // So late that only being woken explains that it goes on before.
  return { id: what, what, pollAfterMs: 60_000, on };
}

function planOf(steps: readonly PlanStep[], waits: readonly Wait[] = []): Plan {
  const words = [...steps.map(({ action, target }) => `${action} ${target}`), ...waits.map(({ what }) => what)];
  return makePlan({ steps, waits, summary: words.join(", ") || "nothing to do" });
}
