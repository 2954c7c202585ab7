// The custom roles of Google Cloud that the controller needs: all that its requests need, and no more.

import { expect, it } from "vitest";
import { stringify } from "yaml";
import { callOf, healthOf, kinds, listOf, membersOf, pollOf } from "./calls.ts";
import type { Attempt } from "./errors.ts";
import type { Action, Ref, Resource, ResourceKind } from "./resources.ts";
import { PlannerBed } from "./testing/bed.ts";
import { settings as defaults, desiredLb, node, tcp, udp } from "./testing/values.ts";

const settings = { ...defaults, networkProject: "host" };

/** What a resource that refers to another needs of that one; the requests themselves do not say so. */
const uses: Readonly<Record<string, readonly string[]>> = {
  "compute.addresses.create": ["compute.addresses.createInternal"],
  "compute.forwardingRules.create": ["compute.addresses.use", "compute.regionBackendServices.use"],
  "compute.regionBackendServices.create": [
    "compute.regionHealthChecks.useReadOnly",
    "compute.networkEndpointGroups.use",
    "compute.instanceGroups.use",
  ],
  "compute.instanceGroups.update": ["compute.instances.use"],
  "compute.networkEndpointGroups.attachNetworkEndpoints": ["compute.instances.use"],
};
/** What all of it needs of the network, in the project that has it. */
const ofNetwork = ["compute.networks.updatePolicy", "compute.networks.use", "compute.subnetworks.use"];

function attempts(): readonly Attempt[] {
  const all = Object.keys(kinds) as ResourceKind[];
  const refs: readonly Ref[] = all.map((kind) => ({ kind, name: "x", zone: "z" }));
  return [
    ...actions().map((action) => callOf(action, settings, "").attempt),
    ...all.map((kind) => listOf(kind, undefined, settings).attempt),
    ...refs.map((ref) => pollOf(ref, "o", settings).attempt),
    ...(["endpointGroup", "instanceGroup"] as const).map(
      (kind) => membersOf({ kind, name: "x", zone: "z" }, settings).attempt,
    ),
    healthOf("x", "g", settings).attempt,
  ];
}

/** All that planners ask for on the way through wishes that differ in everything. */
function actions(): readonly Action[] {
  const found: Action[] = [];
  const bed = new PlannerBed({ settings, onCommit: (action) => found.push(action) });
  const nodes = [node("b1", "b", "10.0.0.1"), node("b2", "b", "10.0.0.2")];
  const inside = (access: string) =>
    ({ scheme: "internal", annotations: { "berth.dev/global-access": access } }) as const;
  bed.converge({ lb: desiredLb(), nodes });
  bed.converge({ lb: desiredLb({ ports: [tcp(80), udp(53)], externalTrafficPolicy: "Local" }), nodes: nodes.slice(1) });
  bed.converge(null);
  for (const access of ["false", "true"]) bed.converge({ lb: desiredLb(inside(access)), nodes });
  bed.reset({ backends: "instance-groups" });
  for (const all of [nodes, nodes.slice(1)]) bed.converge({ lb: desiredLb(), nodes: all });
  bed.converge(null);
  const others: readonly Action[] = [...bed.region.resources.values()]
    .map((resource: Resource): Ref => ({ kind: resource.kind, name: resource.name, zone: "z" }))
    .concat({ kind: "endpointGroup", name: "x", zone: "z" }, { kind: "instanceGroup", name: "x", zone: "z" })
    .map((ref) => ({ verb: "delete", ref }));
  const [check] = bed.region.all("healthCheck");
  return [...found, ...others, ...(check === undefined ? [] : [{ verb: "update", resource: check } as const])];
}

function roleOf(project: string, title: string, more: readonly string[]): string {
  const needed = attempts()
    .filter((attempt) => attempt.project === project)
    .map(({ permission }) => permission);
  const used = needed.flatMap((permission) => uses[permission] ?? []);
  const includedPermissions = [...new Set([...needed, ...used, ...more])].sort();
  const head = "# Made from the provider's requests; rewrite with `make golden`. Never tried on Google Cloud.\n";
  return head + stringify({ title, stage: "GA", includedPermissions });
}

it.each([
  ["role.yaml", "shop", "Berth, load balancers", []],
  ["network-role.yaml", "host", "Berth, firewall rules", ofNetwork],
])("deploy/gcp/%s lets the controller do what it asks for", async (file, project, title, more) => {
  await expect(roleOf(project, title, more)).toMatchFileSnapshot(`../../deploy/gcp/${file}`);
});
