import { annotations } from "../../src/api/index.ts";
import type { Clock } from "../../src/base/index.ts";
import type { DesiredLoadBalancer, NodeTarget } from "../../src/model/index.ts";
import type {
  Capabilities,
  Desired,
  Issue,
  LbStatus,
  OwnedObject,
  Plan,
  PlanStep,
  PlanTime,
  ProviderAdapter,
  ScopeKey,
  StepResult,
} from "../../src/provider/index.ts";
import { HeldViews, isPartOf } from "./held-views.ts";
import { linkOf } from "./links.ts";
import { anyBaseName } from "./names.ts";
import type { Observation } from "./observation.ts";
import { type Owner, parseOwner } from "./owner.ts";
import { addressText, patient, planScope, sharedKey, status } from "./plan/index.ts";
import type { Reader } from "./reader.ts";
import { type Action, type Ref, type Resource, refOf, refText, targetOf } from "./resources.ts";
import { optionsOf } from "./schema.ts";
import { type Settings, settingsFor } from "./settings.ts";
import type { Writer } from "./writer.ts";

export const capabilities: Capabilities = {
  protocols: ["TCP", "UDP"],
  mixedProtocols: true,
  families: ["IPv4", "IPv6"],
  dualStack: true,
  needsNodePorts: false,
  needsAddresses: false,
  ipMode: "VIP",
  sourceRanges: true,
  sessionAffinity: true,
  needs: "providerID",
  endpointNodes: true,
  members: true,
};

export class GcpAdapter implements ProviderAdapter<readonly Resource[], Observation> {
  readonly name = "gcp-l4";
  readonly capabilities: Capabilities = capabilities;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #settings: Settings;
  readonly #views: HeldViews;

  constructor(reader: Reader, writer: Writer, settings: Settings, clock: Clock) {
    this.#reader = reader;
    this.#writer = writer;
    this.#settings = settings;
    this.#views = new HeldViews(clock);
  }

  validate(desired: DesiredLoadBalancer): readonly Issue[] {
    return [...optionsOf(desired).issues, ...sharedMachineIssues(desired, this.#settings)];
  }

  /**
   * The health check that is shared is that of policy Cluster; one of policy Local has its own, and the shared one only
   * to note there where its firewall rules are. Groups of its own may be left from before where machines are shared.
   */
  scopes(lb: DesiredLoadBalancer): readonly ScopeKey[] {
    const { id, externalTrafficPolicy } = lb;
    const { otherProject } = settingsFor(lb, this.#settings);
    return [
      ...(externalTrafficPolicy === "Cluster" || otherProject !== undefined ? [sharedKey(id.clusterId)] : []),
      ...(this.#settings.backends === "instance-groups" ? [sharedKey(id.clusterId, "instance-groups")] : []),
      { kind: "members", id },
      { kind: "service", id },
    ];
  }

  /** Of one cluster, as all scopes of a controller are. */
  async snapshot(keys: readonly ScopeKey[], signal: AbortSignal): Promise<readonly Resource[]> {
    const [key] = keys;
    if (key === undefined) return [];
    return await this.#reader.all(key.kind === "shared" ? key.clusterId : key.id.clusterId, signal);
  }

  async observe(key: ScopeKey, from: readonly Resource[] | "live", signal: AbortSignal): Promise<Observation> {
    if (from !== "live") return await this.#reader.scope(key, from, signal);
    const held = this.#views.show(key);
    if (held !== undefined) return held;
    const fits = (target: Ref): boolean => isPartOf(key, target);
    await this.#writer.settle(fits, signal);
    const observed = await this.#reader.scope(key, from, signal);
    // What goes on after the look has had no effect before it.
    if (await this.#writer.isBusy(fits, signal)) this.#views.keep(key, observed);
    return observed;
  }

  plan(key: ScopeKey, desired: Desired | null, observed: Observation, time?: Pick<PlanTime, "since">): Plan {
    const plan = planScope(key, desired, observed, this.#settings);
    return time === undefined ? plan : patient(plan, time);
  }

  async apply(step: PlanStep, _outputs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    const action = step.input as Action;
    const target = targetOf(action);
    const isKnown = this.#writer.knows(action);
    if (!isKnown && this.#views.isOld(target)) {
      // What is new has to stand on a new look.
      this.#views.drop(target);
      return { state: "pending", what: `a look at ${refText(target)} as it is now`, pollAfterMs: 0 };
    }
    try {
      const result = await this.#writer.apply(action, signal);
      if (!isKnown || !this.#writer.knows(action)) this.#views.drop(target);
      return result;
    } catch (error) {
      this.#views.drop(target);
      throw error;
    }
  }

  status(
    desired: DesiredLoadBalancer,
    service: Observation,
    members: Observation | null,
    nodes: readonly NodeTarget[],
  ): LbStatus {
    if (service.kind !== "service" || (members !== null && members.kind !== "members"))
      throw new Error("these are observations of other scopes");
    return status(desired, service, members, nodes, this.#settings);
  }

  async *listOwned(clusterId: string, signal: AbortSignal): AsyncIterable<OwnedObject> {
    const found = (await this.#reader.owned(clusterId, signal)).flatMap((resource) => {
      const owner = parseOwner(resource.description);
      const isNamedSo = resource.name.startsWith(anyBaseName);
      return isNamedSo && owner !== undefined && clusterOf(owner) === clusterId ? [{ resource, owner }] : [];
    });
    // One mark stands for a whole load balancer, and what that one shares has to stay with it.
    const kept = new Set(found.flatMap(({ owner }) => (isRetained(owner) ? [owner.id.uid] : [])));
    for (const { resource, owner } of found)
      yield {
        scope: scopeOf(resource, owner),
        ref: linkOf(refOf(resource), this.#settings),
        retained: owner.kind === "shared" ? kept.size > 0 : kept.has(owner.id.uid),
        addresses: resource.kind === "forwardingRule" ? [addressText(resource.IPAddress)] : [],
      };
  }
}

function clusterOf(owner: Owner): string {
  return owner.kind === "shared" ? owner.clusterId : owner.id.clusterId;
}

function isRetained(owner: Owner): owner is Extract<Owner, { kind: "service" }> {
  return owner.kind === "service" && owner.retained;
}

function scopeOf({ kind }: Resource, owner: Owner): ScopeKey {
  if (owner.kind === "shared") return { kind: "shared", clusterId: owner.clusterId, name: owner.name };
  return { kind: kind === "endpointGroup" ? "members" : "service", id: owner.id };
}

/** What all load balancers send to is no choice of one of them. */
function sharedMachineIssues({ annotations: given }: DesiredLoadBalancer, { backends }: Settings): readonly Issue[] {
  const key = annotations.nodeSelector;
  if (backends === "endpoint-groups" || given[key] === undefined) return [];
  const message = "nodes cannot be chosen with --gcp-l4-backends instance-groups, which all Services share; remove it";
  const path = `metadata.annotations[${key}]`;
  return [{ path, severity: "degrade", reason: "NodeSelectorNotSupported", message }];
}
