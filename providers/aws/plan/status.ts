import { annotations, excludeNodeLabel } from "../../../src/api/index.ts";
import { firstFew } from "../../../src/base/index.ts";
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import type { Issue, LbStatus } from "../../../src/provider/index.ts";
import { isOwn } from "../identity.ts";
import type { MembersObservation, ObservedTarget, ServiceObservation } from "../observation.ts";
import { keys, type NlbSpec, nlbSpec } from "../schema/index.ts";
import { loadBalancerName, type NlbSettings } from "./context.ts";
import { rulesOf } from "./frontend-group.ts";
import { chosenNodes } from "./members.ts";
import { fateOf, instanceIdOf, isFargate } from "./nodes.ts";

const noInstances = "no node is an instance of EC2, and nothing else is sent to; add nodes that are";

/** What the Service asks for and cannot have. */
export function validate(lb: DesiredLoadBalancer, settings: NlbSettings): readonly Issue[] {
  const { spec, issues } = nlbSpec(lb, settings);
  return [...issues, ...tooManyRules(spec, settings)];
}

/** AWS would say so only after much else is made. */
function tooManyRules(spec: NlbSpec, { maxRules }: NlbSettings): readonly Issue[] {
  const { length } = rulesOf(spec);
  if (length <= maxRules) return [];
  const message = `its ports and who may connect to them are ${length} rules of a security group, and AWS takes ${maxRules}; give fewer ranges, or ${keys.prefixLists}, or raise the quota and --aws-nlb-rules-per-group`;
  return [{ path: "spec.loadBalancerSourceRanges", severity: "refuse", reason: "QuotaExceeded", message }];
}

/** The name is shown once AWS has set the load balancer up; whether a target is healthy makes no difference. */
export function status(
  lb: DesiredLoadBalancer,
  service: ServiceObservation,
  members: MembersObservation | null,
  nodes: readonly NodeTarget[],
  settings: NlbSettings,
): LbStatus {
  const { spec } = nlbSpec(lb, settings);
  const name = loadBalancerName(lb, spec, service.network.vpcId);
  const own = service.loadBalancers.filter(({ tags }) => isOwn(tags, lb.id));
  const isUp = ({ state }: (typeof own)[number]): boolean => state === "active" || state === "active_impaired";
  // One that is being replaced is shown until the other one is there.
  const shown = own.find((one) => one.name === name && isUp(one)) ?? own.find(isUp);
  const ports = shown?.listeners.flatMap(({ port }) => lb.ports.filter((one) => one.port === port)) ?? [];
  return {
    ingress:
      shown === undefined
        ? []
        : [{ hostname: shown.hostname.toLowerCase(), ports: ports.map(({ port, protocol }) => ({ port, protocol })) }],
    ...targetsOf(members, lb, nodes),
    references: own.map(({ arn }) => arn).sort(),
    issues: [...foreignListeners(lb, service, name), ...nodeIssues(lb, spec, members, nodes)],
  };
}

/** A node is ready when all that is sent to it is taken. */
function targetsOf(
  members: MembersObservation | null,
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
): Pick<LbStatus, "targets" | "unhealthy"> {
  const used = (members?.targetGroups ?? []).filter(({ tags, isUsed }) => isUsed && isOwn(tags, lb.id));
  const byId = Map.groupBy(
    used.flatMap(({ targets }) => targets.filter(({ state }) => state !== "draining")),
    ({ id }) => id,
  );
  const nameOf = new Map(nodes.map(({ name, providerId = "" }) => [providerId.split("/").at(-1), name]));
  const unhealthy = [...byId].flatMap(([id, targets]) => {
    const bad = targets.find(({ state }) => state !== "healthy");
    return bad === undefined ? [] : [{ node: nameOf.get(id) ?? id, reason: reasonOf(bad) }];
  });
  const why = nodes.some((node) => instanceIdOf(node) !== undefined) ? {} : { why: noInstances };
  return { targets: { ready: byId.size - unhealthy.length, total: byId.size, ...why }, unhealthy };
}

function reasonOf({ state, reason }: ObservedTarget): string {
  if (state === "initial") return "AWS has not checked it yet, which takes up to three minutes";
  return reason === "" ? state : reason;
}

/** A listener that somebody made by hand on a port of ours. */
function foreignListeners(
  { id, ports }: DesiredLoadBalancer,
  service: ServiceObservation,
  name: string,
): readonly Issue[] {
  const current = service.loadBalancers.find((one) => one.name === name);
  const foreign = (current?.listeners ?? []).filter(({ tags }) => !isOwn(tags, id));
  return foreign.flatMap(({ port, arn }) =>
    ports
      .filter((one) => one.port === port)
      .map(({ protocol }): Issue => {
        const message = `port ${port} has a listener that is not Berth's; delete ${arn}`;
        return {
          path: "spec.ports",
          port: { port, protocol },
          severity: "degrade",
          reason: "ListenerConflict",
          message,
        };
      }),
  );
}

function nodeIssues(
  lb: DesiredLoadBalancer,
  spec: NlbSpec,
  members: MembersObservation | null,
  nodes: readonly NodeTarget[],
): readonly Issue[] {
  const issues: Issue[] = [];
  const instances = nodes.filter((node) => instanceIdOf(node) !== undefined);
  const chosen = chosenNodes(lb, nodes, spec);
  if (chosen.length < instances.length)
    issues.push({
      path: "nodes",
      severity: "degrade",
      reason: "QuotaExceeded",
      message: `${instances.length} nodes for ${spec.listeners.length} ports are more targets than AWS takes; ${chosen.length} nodes get traffic; give fewer ports, or choose nodes by ${annotations.nodeSelector}`,
    });
  const others = nodes.filter((node) => !instances.includes(node) && !isFargate(node));
  const left = members === null ? [] : [...others, ...chosen].flatMap((node) => leftOut(node, members));
  if (left.length > 0) {
    const all = left.map(({ node, why }) => `${node.name} ${why}`);
    const remedy = `nodes that are to get traffic have to be instances that run in ${members?.vpcId ?? "the VPC"}; label all others ${excludeNodeLabel}`;
    const message = `${firstFew(all, { separator: "; " })}; ${remedy}`;
    issues.push({ path: "nodes", severity: "degrade", reason: "NodesLeftOut", message });
  }
  return issues;
}

/** A node that is no target, and why. */
function leftOut(
  node: NodeTarget,
  { instances, targetGroups }: MembersObservation,
): readonly { readonly node: NodeTarget; readonly why: string }[] {
  const fate = fateOf(node, instances);
  if (fate.kind !== "target") return [fate];
  const isRefused = targetGroups.some(({ refused }) => refused.includes(fate.id));
  return isRefused ? [{ node, why: `AWS refuses to register instance ${fate.id}` }] : [];
}
