import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import { portRangeContains } from "../../../src/net/index.ts";
import { tagKeys } from "../identity.ts";
import type { InstanceFact, Instances, NetworkFacts, NodeRule, Rule } from "../observation.ts";
import { type NlbSpec, nlbSpec } from "../schema/index.ts";
import { type NlbSettings, needsBackendGroup } from "./context.ts";
import { ruleKey } from "./frontend-group.ts";

/** What becomes of a node: a target, or why it is none (`soon`: AWS may say otherwise in a moment). */
export type NodeFate =
  | { readonly kind: "target"; readonly node: NodeTarget; readonly id: string; readonly instance: InstanceFact }
  | { readonly kind: "soon" | "never"; readonly node: NodeTarget; readonly why: string };

const providerId = /^aws:\/\/\/?(?:[^/]*\/)*(i-[0-9a-f]{8,17})$/;

/** The ID of the instance that a node is; undefined: it is none, and never a target. */
export function instanceIdOf({ providerId: text = "" }: NodeTarget): string | undefined {
  return providerId.exec(text)?.[1];
}

/** A machine of Fargate has one pod, and nobody expects that traffic comes that way. */
export function isFargate({ providerId: text = "" }: NodeTarget): boolean {
  return /^aws:\/\/.*\/fargate-[^/]+$/.test(text);
}

/** One bad node is left out alone. */
export function fateOf(node: NodeTarget, instances: Instances): NodeFate {
  const id = instanceIdOf(node);
  if (id === undefined)
    return { kind: "never", node, why: `has the providerID ${node.providerId ?? ""}, which is none of an instance` };
  const instance = instances.get(id);
  if (instance === undefined) return { kind: "soon", node, why: `AWS knows no instance ${id} in this VPC` };
  if (instance.state === "running") return { kind: "target", node, id, instance };
  return { kind: instance.state === "pending" ? "soon" : "never", node, why: `instance ${id} is ${instance.state}` };
}

/**
 * The security group of a node that rules go into: the only one of a cluster if there is one, else the first. Any one of
 * its groups opens the node.
 */
export function nodeGroupOf({ groups }: InstanceFact, { groups: facts }: NetworkFacts): string | undefined {
  const clusters = groups.filter((id) => {
    const tags = facts.find((fact) => fact.id === id)?.tags ?? {};
    return Object.keys(tags).some((key) => key.startsWith("kubernetes.io/cluster/"));
  });
  return (clusters.length > 0 ? clusters : groups).toSorted()[0];
}

/** A rule that nodes need, and why: for everybody, or for one Service. */
export interface WantedRule {
  readonly rule: Rule;
  readonly reason: string;
}

/** For everybody: one set of rules for the whole range of node ports, however many load balancers there are. */
export const forAll = "nodes";

/** What a node has to let in for one load balancer; undefined: that cannot be told yet. */
export function rulesFor(
  lb: DesiredLoadBalancer,
  {
    backendGroup,
    vpcCidrs,
    settings,
  }: {
    readonly backendGroup: string | undefined;
    readonly vpcCidrs: readonly string[];
    readonly settings: NlbSettings;
  },
): readonly WantedRule[] | undefined {
  const { spec } = nlbSpec(lb, settings);
  if (spec.securityGroups.kind === "none") return openRules(spec, lb.id.uid, vpcCidrs);
  if (!needsBackendGroup(spec)) return [];
  if (backendGroup === undefined) return undefined;
  const { first, last } = settings.nodePortRange;
  const ofAll = (["tcp", "udp"] as const).map((protocol) => rule(protocol, first, last, backendGroup));
  const ports = new Set([nodeHealthPort, ...healthPorts(spec)]);
  const single = [...ports]
    .filter((port) => !portRangeContains(settings.nodePortRange, port))
    .map((port) => ({
      rule: rule("tcp", port, port, backendGroup),
      reason: port === nodeHealthPort ? forAll : lb.id.uid,
    }));
  return [...ofAll.map((one) => ({ rule: one, reason: forAll })), ...single];
}

/** Where nodes say whether they take traffic. */
const nodeHealthPort = 10_256;

/** Without security groups clients come to the nodes with their own addresses, and the checks from the VPC. */
function openRules({ listeners }: NlbSpec, uid: string, vpcCidrs: readonly string[]): readonly WantedRule[] {
  const found = new Map<string, Rule>();
  for (const { targetGroup } of listeners) {
    const { protocol, nodePort, attributes, healthCheck } = targetGroup;
    const sources = attributes["preserve_client_ip.enabled"] === "true" ? ["0.0.0.0/0"] : vpcCidrs;
    const words = protocol === "TCP_UDP" ? (["tcp", "udp"] as const) : ([protocol === "UDP" ? "udp" : "tcp"] as const);
    const healthPort = healthCheck.port === "traffic-port" ? nodePort : healthCheck.port;
    const all = [
      ...words.flatMap((word) => sources.map((source) => rule(word, nodePort, nodePort, source))),
      ...vpcCidrs.map((source) => rule("tcp", healthPort, healthPort, source)),
    ];
    for (const one of all) found.set(ruleKey(one), one);
  }
  return [...found.values()].map((one) => ({ rule: one, reason: uid }));
}

function healthPorts({ listeners }: NlbSpec): readonly number[] {
  return listeners.flatMap(({ targetGroup }) =>
    targetGroup.healthCheck.port === "traffic-port" ? [] : [targetGroup.healthCheck.port],
  );
}

/** Whether a security group has rules already. */
export function hasRules(group: string, wanted: readonly WantedRule[], present: readonly NodeRule[]): boolean {
  const keys = new Set(present.filter((one) => one.group === group).map(ruleKey));
  return wanted.every((one) => keys.has(ruleKey(one.rule)));
}

/** Why there is a rule of ours. */
export function reasonOf({ tags }: NodeRule): string {
  return tags[tagKeys.rule] ?? forAll;
}

function rule(protocol: Rule["protocol"], from: number, to: number, source: string): Rule {
  return { protocol, from, to, source };
}
