import { firstFew } from "../../../src/base/index.ts";
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import { parseIp } from "../../../src/net/index.ts";
import type { Issue, LbStatus } from "../../../src/provider/index.ts";
import { linkOf } from "../links.ts";
import type { MembersObservation, ServiceObservation } from "../observation.ts";
import { type ForwardingRule, refOf } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { addressText } from "./comparison.ts";
import { maxInstances } from "./instances.ts";
import { instanceOf, machinesOf, maxMachines } from "./machines.ts";
import { isOwn } from "./ownership.ts";
import { wishOf } from "./wish.ts";

/** An address is shown once a rule leads there, healthy targets or not: probes go to it, and nodes have to know it. */
export function status(
  lb: DesiredLoadBalancer,
  service: ServiceObservation,
  members: MembersObservation | null,
  nodes: readonly NodeTarget[],
  settings: Settings,
): LbStatus {
  const { owner, isInternal } = wishOf(lb, settings);
  const own = service.resources.filter((resource) => isOwn(resource, owner));
  const rules = own.filter((resource) => resource.kind === "forwardingRule");
  return {
    ingress: ingressOf(lb, rules),
    ...targetsOf(members, nodes, settings),
    references: [...rules, ...own.filter(({ kind }) => kind === "backendService")]
      .map((resource) => linkOf(refOf(resource), settings))
      .sort(),
    issues: [
      ...leftOut(nodes, settings),
      ...refusedMachines(nodes, service),
      ...tooMany(lb, isInternal, nodes, settings),
    ],
  };
}

function ingressOf(lb: DesiredLoadBalancer, rules: readonly ForwardingRule[]): LbStatus["ingress"] {
  const byAddress = Map.groupBy(rules, ({ IPAddress }) => addressText(IPAddress));
  return lb.families.flatMap((family) =>
    [...byAddress]
      .filter(([ip]) => parseIp(ip)?.family === family)
      .map(([ip, those]) => ({
        ip,
        ipMode: "VIP",
        ports: lb.ports
          .filter(({ protocol }) => those.some((rule) => ["L3_DEFAULT", protocol].includes(rule.IPProtocol)))
          .map(({ port, protocol }) => ({ port, protocol })),
      })),
  );
}

function targetsOf(
  members: MembersObservation | null,
  nodes: readonly NodeTarget[],
  settings: Settings,
): Pick<LbStatus, "targets" | "unhealthy"> {
  const nameOf = new Map(nodes.map((node) => [instanceOf(node), node.name]));
  const instances = members === null ? [] : instancesOf(members, nodes, settings);
  const unhealthy = instances
    .filter((instance) => members?.health.get(instance) !== true)
    .map((instance) => ({ node: nameOf.get(instance) ?? instance, reason: reasonOf(members?.health.get(instance)) }));
  return { targets: { ready: instances.length - unhealthy.length, total: instances.length }, unhealthy };
}

/** Groups of whole machines hold those of nodes without endpoints as well. */
function instancesOf(
  { groups }: MembersObservation,
  nodes: readonly NodeTarget[],
  settings: Settings,
): readonly string[] {
  if (settings.backends === "instance-groups") return machinesOf(nodes, settings).map(({ instance }) => instance);
  return groups.flatMap(({ endpoints }) => endpoints.map(({ instance }) => instance));
}

function reasonOf(health: boolean | undefined): string {
  return health === undefined ? "Google Cloud has not probed it yet" : "it fails Google Cloud's health check";
}

function leftOut(nodes: readonly NodeTarget[], settings: Settings): readonly Issue[] {
  const out = nodes.filter((node) => machinesOf([node], settings).length === 0).map(({ name }) => name);
  if (out.length === 0) return [];
  const { project, region } = settings;
  const message = `${firstFew(out)}: no machines of region ${region} of project ${project}; they get no traffic`;
  return [{ path: "nodes", severity: "degrade", reason: "NodesLeftOut", message }];
}

/** Some of the nodes that it could send to. */
function refusedMachines(nodes: readonly NodeTarget[], { refused }: ServiceObservation): readonly Issue[] {
  const why = new Map(refused.map((one) => [one.instance, one.why]));
  const out = nodes.filter((node) => why.has(instanceOf(node) ?? ""));
  const [first] = out;
  if (first === undefined) return [];
  const message = `${firstFew(out.map(({ name }) => name))}: Google Cloud does not take the machine, so it gets no traffic; ${why.get(instanceOf(first) ?? "")}`;
  return [{ path: "nodes", severity: "degrade", reason: "MachinesRefused", message }];
}

/** Of policy Cluster any node leads to every endpoint, so a part of them is no loss. */
function tooMany(
  lb: DesiredLoadBalancer,
  isInternal: boolean,
  nodes: readonly NodeTarget[],
  settings: Settings,
): readonly Issue[] {
  if (settings.backends === "instance-groups") return fullGroups(nodes, settings);
  const most = maxMachines(lb, isInternal);
  if (lb.externalTrafficPolicy !== "Local" || nodes.length <= most) return [];
  const message = `${nodes.length} nodes have endpoints; Google Cloud takes ${most}, so some endpoints get no traffic`;
  return [{ path: "nodes", severity: "degrade", reason: "TooManyNodes", message }];
}

function fullGroups(nodes: readonly NodeTarget[], settings: Settings): readonly Issue[] {
  const zones = Map.groupBy(machinesOf(nodes, settings), ({ zone }) => zone);
  return [...zones]
    .filter(([, { length }]) => length > maxInstances)
    .map(([zone]) => {
      const message = `${zone} has more than the ${maxInstances} nodes that an instance group takes; those beyond get no traffic, give --gcp-l4-backends endpoint-groups`;
      return { path: "nodes", severity: "degrade", reason: "TooManyNodes", message };
    });
}
