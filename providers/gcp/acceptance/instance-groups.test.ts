// Load balancers that send to groups of whole machines, which all of a cluster share (G8, and G7 for these).
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ProviderError, type ScopeKey } from "../../../src/provider/index.ts";
import type { ServiceDesired } from "../../../src/provider/testing/conformance.ts";
import type { GcpAdapter } from "../adapter.ts";
import { baseName, instanceGroupName, sharedBaseName } from "../names.ts";
import type { Action } from "../resources.ts";
import { Cloud, nodes, wishOf } from "../testing/cloud.ts";
import { settings as defaults, id, node } from "../testing/values.ts";

const { signal } = new AbortController();
const base = baseName(id);
const groupName = instanceGroupName(sharedBaseName(id.clusterId));
const servicePath = `projects/shop/regions/europe-west1/backendServices/${base}`;
const groupsKey: ScopeKey = { kind: "shared", clusterId: id.clusterId, name: "instance-groups" };
const settings = { ...defaults, backends: "instance-groups" } as const;
const other = { ...id, uid: "another", name: "other" };

let cloud: Cloud;

beforeAll(async () => {
  cloud = await Cloud.start({ settings });
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => cloud.gce.clear());

function groupPath(zone: string, name: string = groupName): string {
  return `projects/shop/zones/europe-west1-${zone}/instanceGroups/${name}`;
}

function membersIn(zone: string): readonly string[] {
  return (cloud.gce.world.endpoints.get(groupPath(zone)) ?? []).toSorted();
}

async function writesFor(
  wish: ServiceDesired | null,
  adapter: GcpAdapter = cloud.adapter(),
): Promise<readonly string[]> {
  cloud.takeWrites();
  await cloud.converge(wish, adapter);
  expect(cloud.gce.dangling()).toEqual([]);
  return cloud.takeWrites();
}

async function failureOf(done: Promise<unknown>): Promise<unknown> {
  try {
    await done;
    return undefined;
  } catch (error) {
    return error instanceof ProviderError ? { ...error.fault, message: error.message } : error;
  }
}

/** Somebody else's group of machines, to which a load balancer of theirs sends. */
function foreignGroup(zone: string, ...instances: readonly string[]): void {
  const { world } = cloud.gce;
  world.put(groupPath(zone, "theirs"), { name: "theirs" });
  world.endpoints.set(groupPath(zone, "theirs"), instances);
  const backends = [{ group: `https://www.googleapis.com/compute/v1/${groupPath(zone, "theirs")}` }];
  world.put("projects/shop/regions/europe-west1/backendServices/theirs", { name: "theirs", backends });
}

it("makes one group per zone, in an order in which none is empty when it is referred to, and then only looks", async () => {
  expect(await writesFor(wishOf())).toEqual([
    "insert healthChecks",
    "insert firewalls",
    "insert firewalls",
    "insert zones/europe-west1-b/instanceGroups",
    `addInstances zones/europe-west1-b/instanceGroups/${groupName}/addInstances`,
    "insert zones/europe-west1-c/instanceGroups",
    `addInstances zones/europe-west1-c/instanceGroups/${groupName}/addInstances`,
    "insert addresses",
    "insert backendServices",
    "insert firewalls",
    "insert forwardingRules",
    "insert firewalls",
  ]);
  const [reached] = [...(await cloud.gce.paths()).values()];
  expect(reached?.toSorted()).toEqual(["b1", "b2", "c1"]);
  expect(await writesFor(wishOf())).toEqual([]);
});

it("tells which nodes are healthy, of policy Local of those with endpoints alone", async () => {
  const wish = wishOf({ externalTrafficPolicy: "Local" }, nodes.slice(0, 2));
  await cloud.converge(wishOf({ id: other }));
  await cloud.converge(wish);
  const adapter = cloud.adapter();
  const [service, members] = await Promise.all(
    (["service", "members"] as const).map((kind) => adapter.observe({ kind, id }, "live", signal)),
  );
  expect(adapter.status(wish.lb, service!, members!, wish.nodes)).toMatchObject({
    targets: { ready: 2, total: 2 },
    unhealthy: [],
    issues: [],
  });
});

it("G8: says that a machine is in another balanced group, which one, and what to do; by groups of its own it goes", async () => {
  foreignGroup("b", "b1");
  expect(await failureOf(cloud.converge(wishOf()))).toEqual({
    kind: "blocked",
    reason: "InstanceInTwoGroups",
    message: expect.stringContaining("instance 'b1'"),
    remedy: "take the machine out of the other load-balanced instance group, or give --gcp-l4-backends endpoint-groups",
  });
  expect(cloud.gce.world.resources.has(servicePath)).toBe(false);
  await cloud.converge(wishOf(), cloud.adapterWith(defaults));
  expect([...(await cloud.gce.paths()).values()].flat().toSorted()).toEqual(["b1", "b2", "c1"]);
});

it("G8: goes on by itself once the machine is in no other group", async () => {
  foreignGroup("b", "b1");
  await failureOf(cloud.converge(wishOf()));
  cloud.gce.world.endpoints.set(groupPath("b", "theirs"), []);
  await cloud.converge(wishOf());
  expect(membersIn("b")).toEqual(["b1", "b2"]);
});

it("G8: a node more that is in another balanced group leaves the others where they are", async () => {
  await cloud.converge(wishOf({}, nodes.slice(1)));
  foreignGroup("b", "b1");
  expect(await failureOf(cloud.converge(wishOf()))).toMatchObject({ reason: "InstanceInTwoGroups" });
  expect([...(await cloud.gce.paths()).values()].flat().toSorted()).toEqual(["b2", "c1"]);
});

it("says that a machine is in another subnetwork than the group", async () => {
  cloud.gce.addMachine({ name: "elsewhere", zone: "europe-west1-b", address: "10.9.0.1", subnetwork: "other" });
  const all = [...nodes, node("elsewhere", "b", "10.9.0.1")];
  expect(await failureOf(cloud.converge(wishOf({}, all)))).toMatchObject({
    kind: "blocked",
    reason: "MachineInOtherSubnet",
  });
});

it("leaves a group of somebody else that bears the name alone", async () => {
  const { world } = cloud.gce;
  world.put(groupPath("b"), world.complete(groupPath("b"), { name: groupName, description: "by hand" }));
  expect(await failureOf(cloud.converge(wishOf()))).toMatchObject({ kind: "conflict", owner: '"by hand"' });
  expect(membersIn("b")).toEqual([]);
});

it.each([1, 250, 1001])("G7: takes %i nodes in and out at once, whatever load balancers there are", async (count) => {
  for (const one of [id, other]) await cloud.converge(wishOf({ id: one }));
  const wish = wishOf({}, [...nodes, ...cloud.addMany("b", count)]);
  const path = `zones/europe-west1-b/instanceGroups/${groupName}`;
  expect(await writesFor(wish)).toEqual([`addInstances ${path}/addInstances`]);
  expect(membersIn("b")).toHaveLength(Math.min(count + 2, 1000));
  const adapter = cloud.adapter();
  const { issues } = adapter.status(
    wish.lb,
    await adapter.observe({ kind: "service", id }, "live", signal),
    null,
    wish.nodes,
  );
  expect(issues.map(({ reason }) => reason)).toEqual(count < 1000 ? [] : ["TooManyNodes"]);
});

it("G7: a zone more is linked to all load balancers, and one that lost its last node stays linked", async () => {
  for (const one of [id, other]) await cloud.converge(wishOf({ id: one }, nodes.slice(0, 2)));
  await cloud.converge(wishOf());
  expect(await writesFor(wishOf({ id: other }))).toEqual([`update backendServices/${baseName(other)}`]);
  expect(await writesFor(wishOf({}, nodes.slice(0, 2)))).toEqual([
    `removeInstances zones/europe-west1-c/instanceGroups/${groupName}/removeInstances`,
  ]);
  expect(cloud.gce.world.get(servicePath)["backends"]).toHaveLength(2);
});

it("G7: takes nobody out when there seems to be no node at all", async () => {
  await cloud.converge(wishOf());
  expect(await writesFor(wishOf({}, []))).toEqual([]);
});

it("keeps the groups as long as a load balancer sends there, and not longer", async () => {
  for (const one of [id, other]) await cloud.converge(wishOf({ id: one }));
  await cloud.converge(null);
  const adapter = cloud.adapter();
  const planned = async (): Promise<readonly string[]> =>
    adapter.plan(groupsKey, null, await adapter.observe(groupsKey, "live", signal)).steps.map(({ action }) => action);
  expect(await planned()).toEqual([]);
  cloud.gce.world.remove(`projects/shop/regions/europe-west1/forwardingRules/${baseName(other)}-tcp-v4`);
  cloud.gce.world.remove(`projects/shop/regions/europe-west1/backendServices/${baseName(other)}`);
  expect(await planned()).toEqual(["delete", "delete"]);
});

it("owns its groups as what all share", async () => {
  await cloud.converge(wishOf());
  const owned = await Array.fromAsync(cloud.adapter().listOwned(id.clusterId, signal));
  expect(owned.filter(({ ref }) => ref.includes("/instanceGroups/")).map(({ scope }) => scope)).toEqual([
    groupsKey,
    groupsKey,
  ]);
});

it.each([
  ["endpoint-groups", "instance-groups"],
  ["instance-groups", "endpoint-groups"],
] as const)("changes over from %s to %s with all its nodes, and no rule is touched", async (from, to) => {
  await cloud.converge(wishOf(), cloud.adapterWith({ ...defaults, backends: from }));
  const adapter = cloud.adapterWith({ ...defaults, backends: to });
  const apply = adapter.apply.bind(adapter);
  const reached: (readonly string[])[] = [];
  vi.spyOn(adapter, "apply").mockImplementation(async (...args) => {
    const result = await apply(...args);
    reached.push([...(await cloud.gce.paths()).values()].flat().toSorted());
    return result;
  });
  const writes = await writesFor(wishOf(), adapter);
  expect(writes.filter((write) => write.includes("backendServices"))).toEqual([`update backendServices/${base}`]);
  expect(writes.filter((write) => /forwardingRules|addresses|firewalls/.test(write))).toEqual([]);
  expect(reached.length).toBeGreaterThan(3);
  expect(reached).toEqual(reached.map(() => ["b1", "b2", "c1"]));
  const left = to === "instance-groups" ? "/networkEndpointGroups/" : "nothing";
  expect([...cloud.gce.world.resources.keys()].filter((path) => path.includes(left))).toEqual([]);
});

it("says that nodes cannot be chosen where all share them", () => {
  const { lb } = wishOf({ annotations: { "berth.dev/node-selector": "a=b" } });
  expect(cloud.adapter().validate(lb)).toMatchObject([
    { path: "metadata.annotations[berth.dev/node-selector]", severity: "degrade", reason: "NodeSelectorNotSupported" },
  ]);
  expect(cloud.adapterWith(defaults).validate(lb)).toEqual([]);
});

describe("what only a request of yesterday asks for", () => {
  const group = { kind: "instanceGroup", group: groupName, zone: "europe-west1-b" } as const;

  async function faultOf(action: Action): Promise<unknown> {
    const step = { id: "one", action: "update", target: "it", dependsOn: [], input: action, diff: [] } as const;
    return await failureOf(cloud.adapter().apply(step, new Map(), signal));
  }

  beforeEach(async () => await cloud.converge(wishOf()));

  it("a machine that is in the group already, is looked at again", async () => {
    const add = { verb: "attach", ...group, endpoints: [{ instance: "b1" }] } as const;
    expect(await faultOf(add)).toMatchObject({ kind: "retryable" });
    expect(await writesFor(wishOf())).toEqual([]);
  });

  it("more machines than a group takes, is refused", async () => {
    const endpoints = cloud.addMany("b", 999).map(({ name }) => ({ instance: name }));
    expect(await faultOf({ verb: "attach", ...group, endpoints })).toMatchObject({ reason: "RequestRefused" });
    expect(membersIn("b")).toEqual(["b1", "b2"]);
  });

  it("groups of both kinds at once, is refused", async () => {
    const observed = await cloud.adapter().observe({ kind: "service", id }, "live", signal);
    const found = observed.kind === "service" ? observed.resources : [];
    const service = found.find((resource) => resource.kind === "backendService");
    const path = `projects/shop/zones/europe-west1-b/networkEndpointGroups/${base}`;
    cloud.gce.world.put(path, cloud.gce.world.complete(path, { name: base, network: "n" }));
    const more = { group: `https://www.googleapis.com/compute/v1/${path}`, balancingMode: "CONNECTION" } as const;
    const backends = [...(service?.backends ?? []), more];
    expect(await faultOf({ verb: "update", resource: { ...service!, backends } })).toMatchObject({
      reason: "RequestRefused",
      message: expect.stringContaining("all instance groups or all network endpoint groups"),
    });
  });
});
