import type { DesiredLoadBalancer, NodeTarget } from "../../src/model/index.ts";
import type {
  Capabilities,
  Desired,
  Issue,
  LbStatus,
  OwnedObject,
  Plan,
  PlanStep,
  ProviderAdapter,
  ScopeKey,
  StepResult,
} from "../../src/provider/index.ts";
import { linkOf } from "./links.ts";
import type { Observation } from "./observation.ts";
import { type Owner, parseOwner } from "./owner.ts";
import { addressText, planScope, sharedKey, status } from "./plan/index.ts";
import type { Reader } from "./reader.ts";
import { type Action, type Resource, refOf } from "./resources.ts";
import { optionsOf } from "./schema.ts";
import type { Settings } from "./settings.ts";
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

  constructor(reader: Reader, writer: Writer, settings: Settings) {
    this.#reader = reader;
    this.#writer = writer;
    this.#settings = settings;
  }

  validate(desired: DesiredLoadBalancer): readonly Issue[] {
    return optionsOf(desired).issues;
  }

  /** The health check that is shared is that of policy Cluster; one of policy Local has its own. */
  scopes({ id, externalTrafficPolicy }: DesiredLoadBalancer): readonly ScopeKey[] {
    return [
      ...(externalTrafficPolicy === "Cluster" ? [sharedKey(id.clusterId)] : []),
      { kind: "members", id },
      { kind: "service", id },
    ];
  }

  snapshot(_keys: readonly ScopeKey[], signal: AbortSignal): Promise<readonly Resource[]> {
    return this.#reader.all(signal);
  }

  observe(key: ScopeKey, from: readonly Resource[] | "live", signal: AbortSignal): Promise<Observation> {
    return this.#reader.scope(key, from, signal);
  }

  plan(key: ScopeKey, desired: Desired | null, observed: Observation): Plan {
    return planScope(key, desired, observed, this.#settings);
  }

  apply(step: PlanStep, _outputs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    return this.#writer.apply(step.input as Action, signal);
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
    const found = (await this.#reader.all(signal)).flatMap((resource) => {
      const owner = parseOwner(resource.description);
      return owner !== undefined && clusterOf(owner) === clusterId ? [{ resource, owner }] : [];
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
