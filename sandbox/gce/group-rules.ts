// What the API refuses of groups of whole machines.
import { Refusal } from "./refusal.ts";
import { instancesOf, type Rule, when, zoneOf } from "./rule.ts";
import { type Body, collectionOf, pathOf } from "./world.ts";

export const groupRules: readonly Rule[] = [
  {
    id: "machines are members once",
    source: "cloud-provider-gcp takes memberAlreadyExists for success",
    enforce: ({ method, path, asked, world }) => {
      const there = world.endpoints.get(path) ?? [];
      const again = instancesOf(asked).find((instance) => method === "addInstances" && there.includes(instance));
      return when(again !== undefined, 400, "memberAlreadyExists", `'${again}' is already a member of '${path}'.`);
    },
  },
  {
    id: "1000 machines in a group",
    source: "https://cloud.google.com/compute/docs/instance-groups: up to 1,000 VMs per zonal group",
    enforce: ({ method, path, asked, world }) =>
      when(
        method === "addInstances" && (world.endpoints.get(path) ?? []).length + instancesOf(asked).length > 1000,
        400,
        "invalid",
        `Exceeded limit 'MAX_INSTANCES_IN_INSTANCE_GROUP' on resource '${path}'. Limit: 1000.0`,
      ),
  },
  {
    id: "machines of a group are in one subnetwork",
    source: "kubernetes/kubernetes#84466",
    enforce: ({ method, path, asked, world }) => {
      if (method !== "addInstances") return undefined;
      const subnetOf = (name: string): string | undefined => world.machines.get(`${zoneOf(path)}/${name}`)?.subnetwork;
      const [first, ...rest] = [...(world.endpoints.get(path) ?? []), ...instancesOf(asked)];
      const wanted = subnetOf(first ?? "");
      const wrong = rest.find((name) => subnetOf(name) !== wanted);
      return when(
        wrong !== undefined,
        400,
        "invalid",
        `Resource 'instances/${wrong}' is expected to be in the subnetwork 'subnetworks/${wanted}' but is in the subnetwork 'subnetworks/${subnetOf(wrong ?? "")}'.`,
      );
    },
  },
  {
    id: "one balanced group per machine",
    source: "kubernetes/kubernetes#58500: instanceInMultipleLoadBalancedIgs",
    enforce: ({ method, path, body, asked, world }) => {
      const isBalanced = (group: string): boolean => world.usersOf(group).length > 0;
      const isGroup = (group: string): boolean => collectionOf(group) === "instanceGroups";
      const coming =
        method === "addInstances" && isBalanced(path)
          ? instancesOf(asked).map((name) => ({ group: path, name }))
          : groupsOf(body)
              .filter((group) => method !== "delete" && isGroup(group))
              .flatMap((group) => (world.endpoints.get(group) ?? []).map((name) => ({ group, name })));
      const twice = coming.find(({ group, name }) =>
        [...world.endpoints].some(
          ([other, names]) =>
            other !== group &&
            isGroup(other) &&
            zoneOf(other) === zoneOf(group) &&
            names.includes(name) &&
            isBalanced(other),
        ),
      );
      return when(
        twice !== undefined,
        400,
        "instanceInMultipleLoadBalancedIgs",
        `Validation failed for instance '${twice?.name}': instance may belong to at most one load-balanced instance group.`,
      );
    },
  },
  {
    id: "groups of a backend service are of one kind, and have a network",
    source: "openshift/origin#24135; https://cloud.google.com/load-balancing/docs/backend-service#backends",
    enforce: ({ method, body, world }) => {
      const groups = method === "delete" ? [] : groupsOf(body);
      if (new Set(groups.map(collectionOf)).size > 1)
        return new Refusal(400, "invalid", "Backends must be all instance groups or all network endpoint groups.");
      const bare = groups.find((group) => world.resources.has(group) && world.get(group)["network"] === undefined);
      return when(bare !== undefined, 400, "invalid", `Instance group '${bare}' must have a network to be attached.`);
    },
  },
];

function groupsOf(body: Body): readonly string[] {
  return ((body["backends"] ?? []) as readonly Body[]).map(({ group }) => pathOf(group));
}
