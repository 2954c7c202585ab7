// AWS in memory, as far as plans need it.
import type { LbIdentity } from "../../../src/model/index.ts";
import { backendGroupName, isOwn, tagKeys } from "../identity.ts";
import type {
  GroupHealth,
  InstanceFact,
  MembersObservation,
  NetworkFacts,
  ObservedGroup,
  ObservedListener,
  ObservedLoadBalancer,
  ObservedRule,
  ObservedTarget,
  ObservedTargetGroup,
  ServiceObservation,
  SharedObservation,
} from "../observation.ts";
import { Mutations } from "./mutations.ts";
import { instanceId } from "./values.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type Listener = Mutable<ObservedListener>;
export type LoadBalancer = Mutable<Omit<ObservedLoadBalancer, "listeners">> & { listeners: Listener[] };
export type TargetGroup = Mutable<ObservedTargetGroup> & { targets: Mutable<ObservedTarget>[] };
export type Group = Mutable<Omit<ObservedGroup, "rules">> & { rules: Mutable<ObservedRule>[] };

export const nodeGroup = "sg-nodes";

export class World {
  readonly loadBalancers: LoadBalancer[] = [];
  readonly targetGroups: TargetGroup[] = [];
  readonly groups: Group[] = [
    { id: nodeGroup, name: "nodes", tags: { "kubernetes.io/cluster/demo": "owned" }, rules: [] },
    { id: "sg-users", name: "users", tags: { Name: "web" }, rules: [] },
  ];
  readonly instances: Map<string, InstanceFact>;
  readonly mutations: Mutations = new Mutations(this);
  /** Targets that AWS checks become healthy. */
  healthy = true;
  network: NetworkFacts = {
    vpcId: "vpc-1",
    vpcCidrs: ["10.0.0.0/16"],
    subnets: ["a", "b"].flatMap((zone) => [subnet(zone, "internal"), subnet(zone, "public")]),
    addresses: ["11111111", "22222222"].map((id) => ({ id: `eipalloc-${id}`, usedBy: undefined })),
    groups: [],
  };

  /** So many instances run. */
  constructor(instances: number = 12) {
    this.instances = new Map(
      Array.from({ length: instances }, (_, i) => [
        instanceId(i + 1),
        { state: "running", zone: "a", groups: [nodeGroup] },
      ]),
    );
  }

  service(id: LbIdentity): ServiceObservation {
    const used = new Set(this.listeners().flatMap(({ targetGroups }) => targetGroups.map((one) => one.targetGroup)));
    const own = this.targetGroups.filter(({ tags }) => isOwn(tags, id));
    const comesOrGoes =
      own.some(({ arn }) => !used.has(arn)) || this.listeners().some((one) => one.targetGroups.length > 1);
    return structuredClone({
      kind: "service",
      network: this.#network(),
      loadBalancers: this.loadBalancers,
      targetGroups: this.targetGroups.map(({ targets, ...group }) => ({
        ...group,
        health: comesOrGoes ? healthOf(targets) : undefined,
      })),
      groups: this.groups.filter(({ id }) => id.startsWith("sg-0")),
      backendGroup: this.#backend(id.clusterId)?.id,
    });
  }

  members(id: LbIdentity): MembersObservation {
    const used = new Set(this.listeners().flatMap(({ targetGroups }) => targetGroups.map((one) => one.targetGroup)));
    const content = structuredClone({
      kind: "members" as const,
      vpcId: this.network.vpcId,
      vpcCidrs: this.network.vpcCidrs,
      targetGroups: this.targetGroups.map(({ arn, name, tags, targets }) => ({
        arn,
        name,
        tags,
        isUsed: used.has(arn),
        refused: [],
        targets,
      })),
      backendGroup: this.#backend(id.clusterId)?.id,
      nodeRules: this.#nodeRules(),
    });
    return { ...content, instances: this.instances };
  }

  shared(clusterId: string): SharedObservation {
    const content = structuredClone({
      kind: "shared" as const,
      network: this.#network(),
      backendGroup: this.groups.find(({ name }) => name === backendGroupName(clusterId)),
      nodeRules: this.#nodeRules(),
    });
    return { ...content, instances: this.instances };
  }

  /** What AWS does by itself in the meantime. */
  settle(): void {
    for (const one of this.loadBalancers) if (one.state === "provisioning") one.state = "active";
    const used = new Set(this.listeners().flatMap(({ targetGroups }) => targetGroups.map((one) => one.targetGroup)));
    for (const group of this.targetGroups) {
      group.targets = group.targets.filter(({ state }) => state !== "draining");
      for (const target of group.targets)
        target.state = !used.has(group.arn) ? "unused" : this.healthy ? "healthy" : "unhealthy";
    }
  }

  #network(): NetworkFacts {
    return { ...this.network, groups: this.groups.map(({ id, name, tags }) => ({ id, name, tags })) };
  }

  #backend(clusterId: string): Group | undefined {
    return this.groups.find(
      ({ name, tags }) => name === backendGroupName(clusterId) && tags[tagKeys.cluster] === clusterId,
    );
  }

  #nodeRules(): SharedObservation["nodeRules"] {
    return this.groups
      .filter(({ tags }) => tags[tagKeys.cluster] === undefined)
      .flatMap(({ id, rules }) => rules.map((rule) => ({ ...rule, group: id })))
      .filter(({ tags }) => tags[tagKeys.cluster] !== undefined);
  }

  listeners(): readonly Listener[] {
    return this.loadBalancers.flatMap(({ listeners }) => listeners);
  }
}

function subnet(zone: string, kind: "internal" | "public"): NetworkFacts["subnets"][number] {
  const role = kind === "internal" ? "kubernetes.io/role/internal-elb" : "kubernetes.io/role/elb";
  const place = { zone: `eu-west-1${zone}`, locale: "availability-zone", hasIpv6: true, freeAddresses: 200 };
  const number = "ab".indexOf(zone) + (kind === "public" ? 2 : 0);
  const cidrs = [`10.0.${number}.0/24`, `2001:db8:0:${number}::/64`];
  return { id: `subnet-${kind}-${zone}`, cidrs, ...place, isPublic: kind === "public", tags: { [role]: "1" } };
}

function healthOf(targets: readonly ObservedTarget[]): GroupHealth {
  const draining = targets.filter(({ state }) => state === "draining").length;
  const healthy = targets.filter(({ state }) => state === "healthy").length;
  return { registered: targets.length - draining, healthy, draining };
}
