// What the API refuses of groups of machines.
import { collectionOf, groupsOf, pathOf, zoneOf } from "./body.ts";
import { type Change, comes, type Rule, writes } from "./rule.ts";
import type { World } from "./world.ts";

export const groupRules: readonly Rule[] = [
  {
    id: "machines of groups exist",
    source: "ingress-gce and cloud-provider-gcp rely on it",
    on: [comes],
    against: ({ path, instances, world }) => {
      const missing = instances.find((name) => world.machineIn(path, name) === undefined);
      const zone = `projects/${world.place.project}/zones/${zoneOf(path)}`;
      return missing !== undefined && `The resource '${zone}/instances/${missing}' was not found`;
    },
  },
  {
    id: "machines of a group are in one subnetwork",
    source: "kubernetes/kubernetes#84466",
    on: [comes],
    against: ({ path, body, instances, world }) => {
      const machines = [...world.membersOf(path), ...instances].flatMap((name) => world.machineIn(path, name) ?? []);
      const given = body["subnetwork"] as string | undefined;
      const wanted = given?.split("/").at(-1) ?? machines[0]?.subnetwork;
      const wrong = machines.find(({ subnetwork }) => subnetwork !== wanted);
      const text = `Resource 'instances/${wrong?.name}' is expected to be in the subnetwork 'subnetworks/${wanted}'`;
      return wrong !== undefined && `${text} but is in the subnetwork 'subnetworks/${wrong.subnetwork}'.`;
    },
  },
  {
    id: "500 endpoints in a request",
    source: "ingress-gce, pkg/neg/syncers: MAX_NETWORK_ENDPOINTS_PER_BATCH",
    on: ["attachNetworkEndpoints,detachNetworkEndpoints"],
    against: ({ instances }) => instances.length > 500 && "Too many network endpoints in one request.",
  },
  {
    id: "machines are members once",
    source: "cloud-provider-gcp takes memberAlreadyExists for success",
    on: ["addInstances", 400, "memberAlreadyExists"],
    against: ({ path, instances, world }) => {
      const again = instances.find((name) => world.membersOf(path).includes(name));
      return again !== undefined && `'${again}' is already a member of '${path}'.`;
    },
  },
  {
    id: "1000 machines in a group",
    source: "https://cloud.google.com/compute/docs/instance-groups: up to 1,000 VMs per zonal group",
    on: ["addInstances"],
    against: ({ path, instances, world }) =>
      world.membersOf(path).length + instances.length > 1000 && "Exceeded limit 'MAX_INSTANCES_IN_INSTANCE_GROUP'.",
  },
  {
    id: "one balanced group per machine",
    source: "kubernetes/kubernetes#58500: instanceInMultipleLoadBalancedIgs",
    on: [`${writes},addInstances`, 400, "instanceInMultipleLoadBalancedIgs"],
    against: (change) => {
      const twice = balanced(change).find(([group, name]) => isBalancedElsewhere(change.world, group, name))?.[1];
      const text = "instance may belong to at most one load-balanced instance group";
      return twice !== undefined && `Validation failed for instance '${twice}': ${text}.`;
    },
  },
  {
    id: "groups of a backend service are of one kind",
    source: "https://cloud.google.com/load-balancing/docs/backend-service#backends",
    on: [`${writes} backendServices`],
    against: ({ body }) => {
      const kinds = new Set(groupsOf(body).map((group) => collectionOf(pathOf(group))));
      return kinds.size > 1 && "Backends must be all instance groups or all network endpoint groups.";
    },
  },
  {
    id: "groups of a backend service have a network",
    source: "openshift/origin#24135",
    on: [`${writes} backendServices`],
    against: ({ body, world }) => {
      const groups = groupsOf(body).map(pathOf);
      const bare = groups.find((group) => world.resources.get(group)?.["network"] === undefined);
      return bare !== undefined && `Instance group '${bare}' must have a network to be attached.`;
    },
  },
];

/** The members of instance groups that would be balanced, or of one that is. */
function balanced({ method, path, body, instances, world }: Change): readonly (readonly [string, string])[] {
  if (method === "addInstances") return isBalanced(world, path) ? instances.map((name) => [path, name]) : [];
  const groups = groupsOf(body).map(pathOf);
  return groups.flatMap((group) => world.membersOf(group).map((name) => [group, name] as const));
}

/** Endpoints may be in many groups. */
function isBalancedElsewhere(world: World, group: string, name: string): boolean {
  const sameKind = group.replace(/[^/]+$/, "");
  const others = [...world.endpoints].filter(([other, names]) => other !== group && names.includes(name));
  return others.some(
    ([other]) => collectionOf(other) === "instanceGroups" && other.startsWith(sameKind) && isBalanced(world, other),
  );
}

function isBalanced(world: World, group: string): boolean {
  return world.usersOf(group).length > 0;
}
