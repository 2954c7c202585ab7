import type { DesiredLoadBalancer, LbIdentity } from "../../../src/model/index.ts";
import type { PortRange } from "../../../src/net/index.ts";
import type { PlanTime, ScopeKey } from "../../../src/provider/index.ts";
import { hashName } from "../identity.ts";
import type { ObservedLoadBalancer, ServiceObservation } from "../observation.ts";
import type { ListenerSpec, NlbSpec, SchemaSettings } from "../schema/index.ts";

/** What holds for all load balancers of the controller. */
export interface NlbSettings extends SchemaSettings {
  /** Of the cluster. */
  readonly nodePortRange: PortRange;
  /** AWS' quota for one security group. */
  readonly maxRules: number;
}

/** What the parts of a load balancer are planned from. */
export interface Context {
  readonly id: LbIdentity;
  readonly spec: NlbSpec;
  readonly observed: ServiceObservation;
  /** Its name. */
  readonly name: string;
  /** It, if it exists. */
  readonly current: ObservedLoadBalancer | undefined;
  /** There are nodes to send to. */
  readonly hasNodes: boolean;
  readonly time: PlanTime;
}

/** The scope of what all load balancers of a cluster share. */
export function sharedKey(clusterId: string): ScopeKey {
  return { kind: "shared", clusterId, name: "nodes" };
}

/** What cannot be changed later is in the name, so that one that replaces another can stand beside it. */
export function loadBalancerName({ id }: Pick<DesiredLoadBalancer, "id">, spec: NlbSpec, vpcId: string): string {
  if (spec.name !== undefined) return spec.name;
  const { addresses, scheme, subnets } = spec;
  const isFixed = Object.values(addresses).some((list: readonly string[]) => list.length > 0);
  const fixed = isFixed ? JSON.stringify([addresses, subnets]) : "";
  return hashName(id, vpcId, scheme, spec.securityGroups.kind === "none" ? "open" : "guarded", fixed);
}

/** The same for a target group: its protocol, the one of its health check, whose and which port's it is. */
export function targetGroupName(id: LbIdentity, loadBalancer: string, { port, targetGroup }: ListenerSpec): string {
  return hashName(id, loadBalancer, `${port}`, targetGroup.protocol, targetGroup.healthCheck.protocol);
}

/** Whether nodes have to let in what comes from the security group of all load balancers. */
export function needsBackendGroup({ securityGroups }: NlbSpec): boolean {
  return securityGroups.kind !== "none" && securityGroups.opensNodes;
}
