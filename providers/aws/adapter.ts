import { assertNever } from "../../src/base/index.ts";
import type { DesiredLoadBalancer, NodeTarget } from "../../src/model/index.ts";
import {
  type Capabilities,
  type Desired,
  type HealthWatcher,
  type Identified,
  type Issue,
  type LbStatus,
  makePlan,
  type OwnedObject,
  type Plan,
  type PlanStep,
  type PlanTime,
  type ProviderAdapter,
  type Recalling,
  type ScopeKey,
  type StepResult,
} from "../../src/provider/index.ts";
import type { Aws } from "./aws.ts";
import type { MembersObservation, ServiceObservation, SharedObservation } from "./observation.ts";
import {
  type NlbSettings,
  planAbsent,
  planMembers,
  planPresent,
  planRetained,
  planShared,
  planUnshared,
  sharedKey,
  status,
  validate,
} from "./plan/index.ts";
import { type Found, listOwned, type Reader } from "./reading/index.ts";
import type { Writer } from "./writer.ts";

export const capabilities: Capabilities = {
  protocols: ["TCP", "UDP"],
  mixedProtocols: true,
  families: ["IPv4", "IPv6"],
  dualStack: true,
  needsNodePorts: true,
  needsAddresses: false,
  ipMode: "Proxy",
  sourceRanges: true,
  sessionAffinity: true,
  needs: "providerID",
  members: true,
};

export type Observation = ServiceObservation | MembersObservation | SharedObservation;

export interface AdapterParts {
  readonly aws: Aws;
  readonly reader: Reader;
  readonly writer: Writer;
  readonly settings: NlbSettings;
}

/** Network Load Balancers of AWS in front of instances. */
export class AwsAdapter implements ProviderAdapter<Found, Observation>, HealthWatcher, Identified, Recalling<Found> {
  readonly name = "aws-nlb";
  readonly capabilities: Capabilities = capabilities;
  readonly #parts: AdapterParts;

  constructor(parts: AdapterParts) {
    this.#parts = parts;
  }

  validate(desired: DesiredLoadBalancer): readonly Issue[] {
    return validate(desired, this.#parts.settings);
  }

  scopes({ id }: DesiredLoadBalancer): readonly ScopeKey[] {
    return [{ kind: "service", id }, { kind: "members", id }, sharedKey(id.clusterId)];
  }

  snapshot(_keys: readonly ScopeKey[], signal: AbortSignal): Promise<Found> {
    return this.#parts.reader.everything(signal);
  }

  observe(key: ScopeKey, from: Found | "live", signal: AbortSignal): Promise<Observation> {
    const { reader } = this.#parts;
    switch (key.kind) {
      case "service":
        return reader.service(key.id, from, signal);
      case "members":
        return reader.members(key.id, from, signal);
      case "shared":
        return reader.shared(from, signal);
      default:
        return assertNever(key, "scope");
    }
  }

  async recall(key: ScopeKey, signal: AbortSignal): Promise<Found | undefined> {
    return key.kind === "shared" ? undefined : await this.#parts.reader.recall(key.id, signal);
  }

  plan(key: ScopeKey, desired: Desired | null, observed: Observation, time: PlanTime): Plan {
    const { settings } = this.#parts;
    switch (observed.kind) {
      case "service":
        if (key.kind !== "service") throw mismatch(key, observed);
        if (desired?.kind !== "service") return planAbsent(key.id, observed);
        if (desired.lb.retain) return planRetained(desired.lb.id, observed);
        return planPresent(desired.lb, desired.nodes, observed, time, settings);
      case "members":
        // With its load balancer it all goes.
        if (desired?.kind !== "members" || desired.lb.retain) return nothing;
        return planMembers(desired.lb, desired.nodes, observed, time, settings);
      case "shared":
        if (key.kind !== "shared") throw mismatch(key, observed);
        if (desired?.kind !== "shared") return planUnshared(key.clusterId, observed);
        return planShared(key.clusterId, desired.users, desired.nodes, observed, time, settings);
      default:
        return assertNever(observed, "observation");
    }
  }

  apply(step: PlanStep, outputs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    return this.#parts.writer.apply(step, outputs, signal);
  }

  status(
    desired: DesiredLoadBalancer,
    service: Observation,
    members: Observation | null,
    nodes: readonly NodeTarget[],
  ): LbStatus {
    if (service.kind !== "service" || (members !== null && members.kind !== "members"))
      throw new Error("a status is of a Service and of its members");
    return status(desired, service, members, nodes, this.#parts.settings);
  }

  watchHealth(onChange: (key: ScopeKey) => void): Disposable {
    return this.#parts.reader.health.watch(onChange);
  }

  async identity(signal: AbortSignal): Promise<string> {
    const { aws } = this.#parts;
    const { Arn = "nobody" } = await aws.read("GetCallerIdentity", {}, signal);
    return `${Arn} in ${aws.region}`;
  }

  listOwned(clusterId: string, signal: AbortSignal): AsyncIterable<OwnedObject> {
    return listOwned(this.#parts.aws, clusterId, sharedKey(clusterId), signal);
  }
}

const nothing: Plan = makePlan({ steps: [], summary: "nothing to do" });

function mismatch({ kind }: ScopeKey, observed: Observation): Error {
  return new Error(`${observed.kind} was observed for a scope of kind ${kind}`);
}
