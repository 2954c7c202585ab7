import { systemClock } from "../../base/index.ts";
import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../model/index.ts";
import { formatIp, parseIp } from "../../net/index.ts";
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
  ProviderError,
  Requests,
  type ScopeKey,
  type StepResult,
} from "../index.ts";

/** One thing that exists outside the cluster. */
export interface WorldObject {
  readonly kind: "address" | "listener" | "targets" | "group" | "member" | "firewall";
  readonly id: LbIdentity;
  readonly value: string;
  /** As observed. */
  readonly retained?: true;
}

/** The outside, shared by every provider instance that works on it: it outlives the controller. */
export class World {
  readonly objects: Map<string, WorldObject> = new Map();
  readonly unhealthy: Set<string> = new Set();
  /** Names of objects that bear the tag of what is to stay. */
  readonly retained: Set<string> = new Set();
  /** Every mutation that was committed, as `create targets/uid-1`. */
  readonly mutations: string[] = [];
  /** Live looks at one scope. */
  observations = 0;
  /** Looks at many scopes at once. */
  snapshots = 0;
  /** Looks at what somebody owns. */
  lists = 0;
  readonly #listeners = new Set<(key: ScopeKey) => void>();

  /** Makes nodes fail their health check, or pass it again when left out, and tells the providers. */
  setUnhealthy(...nodes: readonly string[]): void {
    this.unhealthy.clear();
    for (const node of nodes) this.unhealthy.add(node);
    for (const { kind, id } of this.objects.values())
      if (kind === "address") for (const listener of this.#listeners) listener({ kind: "service", id });
  }

  onHealth(listener: (key: ScopeKey) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** One mutation; throws when the object is another cluster's, or what is to be deleted is gone. */
  commit(action: PlanStep["action"], name: string, object: WorldObject): void {
    const holder = this.objects.get(name);
    if (holder !== undefined && holder.id.clusterId !== object.id.clusterId)
      throw new ProviderError({ kind: "conflict", owner: holder.id.clusterId }, `${name} is not ours`);
    if (action === "delete") {
      if (!this.objects.delete(name)) throw new ProviderError({ kind: "notFound" }, "no such object");
    } else if (object.retained === true) this.retained.add(name);
    else this.objects.set(name, object);
    this.mutations.push(`${action} ${name}`);
  }

  /** What a provider sees of it. */
  seen(): Observation {
    const see = (name: string, object: WorldObject): WorldObject =>
      this.retained.has(name) ? { ...object, retained: true } : object;
    return new Map([...this.objects].map(([name, object]) => [name, see(name, object)]));
  }

  fingerprint(): string {
    return [...this.objects]
      .map(([name, { kind, value, id }]) => `${name} ${kind} ${value} ${id.clusterId}`)
      .sort()
      .join("\n");
  }
}

export type Observation = ReadonlyMap<string, WorldObject>;

/** Called before and after the commit of each step; may throw to play a fault or a crash. */
export type StepHook = (step: PlanStep, when: "before" | "after") => void | Promise<void>;

export interface MemoryOptions {
  readonly name?: string;
  readonly capabilities?: Partial<Capabilities>;
  readonly hook?: StepHook;
  readonly fence?: () => string | undefined;
}

export const fullCapabilities: Capabilities = {
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

/** A whole provider in memory: real plans and steps on a world of plain objects. */
export class MemoryProvider implements ProviderAdapter<Observation, Observation>, HealthWatcher {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly #world: World;
  readonly #hook: StepHook;
  readonly #requests: Requests;

  constructor(
    world: World,
    { name = "memory", capabilities = {}, hook = () => {}, fence = () => undefined }: MemoryOptions = {},
  ) {
    this.#world = world;
    this.name = name;
    this.capabilities = { ...fullCapabilities, ...capabilities };
    this.#hook = hook;
    this.#requests = new Requests({ fence, clock: systemClock });
  }

  validate(desired: DesiredLoadBalancer): readonly Issue[] {
    return desired.ports.length <= 3
      ? []
      : [{ path: "spec.ports", severity: "refuse", reason: "TooManyPorts", message: "more than 3 ports; remove some" }];
  }

  scopes(desired: DesiredLoadBalancer): readonly ScopeKey[] {
    return [{ kind: "service", id: desired.id }];
  }

  async snapshot(): Promise<Observation> {
    this.#world.snapshots++;
    return this.#world.seen();
  }

  async observe(key: ScopeKey, from: Observation | "live"): Promise<Observation> {
    if (from === "live") this.#world.observations++;
    const prefix = key.kind === "shared" ? key.name : key.id.uid;
    const objects = from === "live" ? this.#world.seen() : from;
    return new Map([...objects].filter(([name]) => name.startsWith(`${prefix}/`)));
  }

  plan(key: ScopeKey, desired: Desired | null, observed: Observation): Plan {
    if (desired?.kind === "service" && desired.lb.retain) return planRetained(desired.lb.id, observed);
    const wanted = desired?.kind === "service" ? objectsOf(desired.lb, desired.nodes) : new Map<string, WorldObject>();
    const uid = key.kind === "shared" ? key.name : key.id.uid;
    const { clusterId } = key.kind === "shared" ? key : key.id;
    const address = `${uid}/address`;
    const steps: PlanStep[] = [];
    for (const [name, object] of wanted) {
      const before = observed.get(name);
      if (before?.value === object.value && before.id.clusterId === clusterId) continue;
      steps.push({
        id: name,
        action: before === undefined ? "create" : "update",
        target: name,
        dependsOn: name === address || observed.has(address) ? [] : [address],
        input: object,
        diff: [{ path: "value", from: before?.value, to: object.value }],
      });
    }
    const doomed = [...observed]
      .filter(([name, { id }]) => !wanted.has(name) && id.clusterId === clusterId)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, object] of doomed)
      steps.push({
        id: name,
        action: "delete",
        target: name,
        dependsOn: name === address ? doomed.map(([other]) => other).filter((other) => other !== name) : [],
        input: object,
        diff: [{ path: "value", from: object.value, to: undefined }],
      });
    return makePlan({
      steps,
      replacesAddress: steps.some(
        ({ id, action }) => id === address && action === "update" && observed.get(address)?.id.clusterId === clusterId,
      ),
      summary: steps.map(({ action, target }) => `${action} ${target}`).join(", "),
    });
  }

  async apply(step: PlanStep, _: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    await this.#hook(step, "before");
    await this.#requests.send("write", step.id, signal, async () =>
      this.#world.commit(step.action, step.target, step.input as WorldObject),
    );
    await this.#hook(step, "after");
    return { state: "done" };
  }

  status(desired: DesiredLoadBalancer, service: Observation): LbStatus {
    const { uid } = desired.id;
    const addresses = service.get(`${uid}/address`)?.value.split(",") ?? [];
    const targets =
      service
        .get(`${uid}/targets`)
        ?.value.split(",")
        .filter((node) => node !== "") ?? [];
    return {
      ingress: addresses.map((ip) => ({
        ip,
        ipMode: this.capabilities.ipMode,
        ports: desired.ports.map(({ port, protocol }) => ({ port, protocol })),
      })),
      targets: { ready: targets.filter((node) => !this.#world.unhealthy.has(node)).length, total: targets.length },
      unhealthy: targets
        .filter((node) => this.#world.unhealthy.has(node))
        .map((node) => ({ node, reason: "it was told to be unhealthy" })),
      references: [...service.keys()].sort(),
      issues: [],
    };
  }

  async *listOwned(clusterId: string): AsyncIterable<OwnedObject> {
    this.#world.lists++;
    for (const [ref, { kind, id, value }] of this.#world.objects)
      if (kind === "address" && id.clusterId === clusterId)
        yield {
          scope: { kind: "service", id },
          ref,
          retained: this.#world.retained.has(ref),
          addresses: value.split(",").filter((text) => parseIp(text) !== undefined),
        };
  }

  watchHealth(onChange: (key: ScopeKey) => void): Disposable {
    return this.#world.onHealth(onChange);
  }
}

/** The tag alone: nothing else of it is changed any more. */
function planRetained({ uid, clusterId }: LbIdentity, observed: Observation): Plan {
  const name = `${uid}/address`;
  const object = observed.get(name);
  if (object === undefined || object.retained === true || object.id.clusterId !== clusterId)
    return makePlan({ steps: [], summary: "nothing to retain" });
  const input: WorldObject = { ...object, retained: true };
  const diff = [{ path: "retained", from: undefined, to: "true" }];
  const step: PlanStep = { id: name, action: "update", target: name, dependsOn: [], input, diff };
  return makePlan({ steps: [step], summary: `retain ${name}` });
}

function objectsOf(lb: DesiredLoadBalancer, nodes: readonly NodeTarget[]): Map<string, WorldObject> {
  const { id } = lb;
  return new Map<string, WorldObject>([
    [`${id.uid}/address`, { kind: "address", id, value: lb.addresses.map(formatIp).join(",") }],
    ...lb.ports.map(({ protocol, port, nodePort }): [string, WorldObject] => [
      `${id.uid}/${protocol}-${port}`,
      { kind: "listener", id, value: `${nodePort}` },
    ]),
    [`${id.uid}/targets`, { kind: "targets", id, value: nodes.map(({ name }) => name).join(",") }],
  ]);
}
