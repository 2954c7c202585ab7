// The acceptance tests of the provider, each by its number: real requests of the npm client to the stand-in of the API.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Fault } from "../../../sandbox/gce/server.ts";
import type { NodeTarget } from "../../../src/model/index.ts";
import { type Plan, ProviderError, type ScopeKey } from "../../../src/provider/index.ts";
import type { ServiceDesired } from "../../../src/provider/testing/conformance.ts";
import { Drive } from "../../../src/provider/testing/drive.ts";
import type { GcpAdapter } from "../adapter.ts";
import { baseName, sharedBaseName } from "../names.ts";
import { Cloud, machines, nodes, wishOf } from "../testing/cloud.ts";
import { cidr, id, ip, settings, tcp, udp } from "../testing/values.ts";

const { signal } = new AbortController();
const base = baseName(id);
const shared = sharedBaseName(id.clusterId);
const regional = "projects/shop/regions/europe-west1";
const rulePath = `${regional}/forwardingRules/${base}-tcp-v4`;
const service = `backendServices/${base}`;
const servicePath = `${regional}/${service}`;
const ownKey: ScopeKey = { kind: "service", id };
const sharedKey: ScopeKey = { kind: "shared", clusterId: id.clusterId, name: "health-check" };

let cloud: Cloud;

beforeAll(async () => {
  cloud = await Cloud.start();
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => cloud.gce.clear());

async function planOf(
  wish: ServiceDesired | null,
  key: ScopeKey = ownKey,
  adapter: GcpAdapter = cloud.adapter(),
): Promise<Plan> {
  return adapter.plan(key, wish, await adapter.observe(key, "live", signal));
}

/** What a wish costs from here on. */
async function writesFor(wish: ServiceDesired | null): Promise<readonly string[]> {
  cloud.takeWrites();
  await cloud.converge(wish);
  expect(cloud.gce.dangling()).toEqual([]);
  return cloud.takeWrites();
}

async function failureOf(done: Promise<unknown>): Promise<unknown> {
  try {
    await done;
    return undefined;
  } catch (error) {
    return error instanceof ProviderError ? error.fault : error;
  }
}

async function ingressOf(wish: ServiceDesired): Promise<readonly (string | undefined)[]> {
  const adapter = cloud.adapter();
  const observed = await adapter.observe(ownKey, "live", signal);
  return adapter.status(wish.lb, observed, null, wish.nodes).ingress.map((one) => one.ip);
}

function field(path: string, name: string): unknown {
  return cloud.gce.world.get(path)[name];
}

function membersIn(zone: string): readonly string[] {
  const path = `projects/shop/zones/europe-west1-${zone}/networkEndpointGroups/${base}`;
  return (cloud.gce.world.endpoints.get(path) ?? []).toSorted();
}

it("G1: makes an external load balancer in an order in which nothing is missing, and then only looks", async () => {
  const wish = wishOf();
  expect(await writesFor(wish)).toEqual([
    "insert healthChecks",
    "insert firewalls",
    "insert firewalls",
    "insert zones/europe-west1-b/networkEndpointGroups",
    `attachNetworkEndpoints zones/europe-west1-b/networkEndpointGroups/${base}/attachNetworkEndpoints`,
    "insert zones/europe-west1-c/networkEndpointGroups",
    `attachNetworkEndpoints zones/europe-west1-c/networkEndpointGroups/${base}/attachNetworkEndpoints`,
    "insert addresses",
    "insert backendServices",
    "insert firewalls",
    "insert forwardingRules",
    "insert firewalls",
  ]);
  const adapter = cloud.adapter();
  const observed = await adapter.observe(ownKey, "live", signal);
  const members = await adapter.observe({ kind: "members", id }, "live", signal);
  expect(adapter.status(wish.lb, observed, members, wish.nodes)).toMatchObject({
    ingress: [{ ip: field(rulePath, "IPAddress"), ipMode: "VIP", ports: [{ port: 80, protocol: "TCP" }] }],
    targets: { ready: 3, total: 3 },
    unhealthy: [],
    issues: [],
  });
  expect(await writesFor(wish)).toEqual([]);
});

it("G2: makes an internal one in a subnetwork; who reaches it changes by one patch", async () => {
  const inside = (globalAccess: string): ServiceDesired =>
    wishOf({
      scheme: "internal",
      annotations: { "berth.dev/subnet": "other", "berth.dev/global-access": globalAccess },
    });
  await cloud.converge(inside("false"));
  expect(field(rulePath, "subnetwork")).toMatch(/\/subnetworks\/other$/);
  expect(await writesFor(inside("true"))).toEqual([`patch forwardingRules/${base}-tcp-v4`]);
  expect(field(rulePath, "allowGlobalAccess")).toBe(true);
  expect(await writesFor(inside("false"))).toEqual([`patch forwardingRules/${base}-tcp-v4`]);
});

it("G3: leaves nothing", async () => {
  await cloud.converge(wishOf({ families: ["IPv4", "IPv6"] }));
  await cloud.converge(null);
  expect([...cloud.gce.world.resources.keys()]).toEqual([]);
});

it("G4: another port keeps the address, and is missing for a delete and an insert", async () => {
  await cloud.converge(wishOf());
  const before = field(rulePath, "IPAddress");
  const writes = await writesFor(wishOf({ ports: [tcp(81)] }));
  const from = writes.indexOf(`delete forwardingRules/${base}-tcp-v4`);
  expect(writes.slice(from, from + 2)).toEqual([`delete forwardingRules/${base}-tcp-v4`, "insert forwardingRules"]);
  expect(writes.filter((write) => /forwardingRules|addresses/.test(write))).toHaveLength(2);
  expect(field(rulePath, "IPAddress")).toBe(before);
});

it.each<[string, ServiceDesired, readonly string[]]>([
  ["UDP", wishOf({ ports: [udp(80)] }), [`${base}-udp-v4`]],
  ["TCP and UDP", wishOf({ ports: [tcp(80), udp(80)] }), [`${base}-tcp-v4`, `${base}-udp-v4`]],
])(
  "G5: from TCP to %s the rule goes before the backend service changes, and the address stays",
  async (_, wish, names) => {
    await cloud.converge(wishOf());
    const before = field(rulePath, "IPAddress");
    const writes = await writesFor(wish);
    const order = [`delete forwardingRules/${base}-tcp-v4`, `update ${service}`, "insert forwardingRules"];
    expect(writes.filter((write) => order.includes(write)).slice(0, 3)).toEqual(order);
    const rules = cloud.gce.world.rulesAt(String(before)).map(({ name }) => String(name));
    expect(rules.toSorted()).toEqual(names);
  },
);

it("G6: another policy changes the check of the backend service and no rule; the shared one stays with its other user", async () => {
  const other = { ...id, uid: "another", name: "other" };
  await cloud.converge(wishOf({ id: other }));
  await cloud.converge(wishOf());
  const toLocal = await writesFor(wishOf({ externalTrafficPolicy: "Local" }));
  expect(toLocal.filter((write) => write.includes("forwardingRules"))).toEqual([]);
  expect(toLocal.indexOf("insert healthChecks")).toBeLessThan(toLocal.indexOf(`update ${service}`));
  expect(field(servicePath, "healthChecks")).toEqual([expect.stringMatching(new RegExp(`/${base}-health$`))]);
  const toCluster = await writesFor(wishOf());
  expect(toCluster.indexOf(`update ${service}`)).toBeLessThan(toCluster.indexOf(`delete healthChecks/${base}-health`));
  expect((await planOf(null, sharedKey)).steps).toEqual([]);
  await cloud.converge(null);
  expect((await planOf(null, sharedKey)).steps).toEqual([]);
  const adapter = cloud.adapter();
  const { lb } = wishOf({ id: other });
  for (const scope of [...adapter.scopes(lb)].reverse().filter(({ kind }) => kind !== "shared"))
    for (const step of (await planOf(null, scope, adapter)).steps) await adapter.apply(step, new Map(), signal);
  expect((await planOf(null, sharedKey)).steps.length).toBeGreaterThan(0);
});

it("G6: no check asks what is served before its probes are let in", async () => {
  const body = { error: { code: 503, message: "try later", errors: [] } };
  await cloud.converge(wishOf());
  const fits: Fault["fits"] = ({ method, path }) => method === "insert" && path.endsWith("/firewalls");
  cloud.gce.faults.push({ fits, how: { kind: "answer", status: 503, body }, times: 1 });
  const local = wishOf({ externalTrafficPolicy: "Local" });
  cloud.takeWrites();
  await expect(cloud.converge(local)).rejects.toThrow("try later");
  expect(cloud.takeWrites()).toEqual(["insert healthChecks", "insert firewalls"]);
  await cloud.converge(local);
  expect(cloud.takeWrites()).toEqual(["insert firewalls", `update ${service}`]);
});

it.each([1, 499, 501, 1001])(
  "G7: takes %i nodes in and out in batches, without a write to the load balancer",
  async (count) => {
    const local = { externalTrafficPolicy: "Local" } as const;
    await cloud.converge(wishOf(local));
    const more = [...nodes, ...cloud.addMany("b", count)];
    const coming = await writesFor(wishOf(local, more));
    const batches = Math.ceil(count / 500);
    const path = `zones/europe-west1-b/networkEndpointGroups/${base}`;
    expect(coming).toEqual(Array(batches).fill(`attachNetworkEndpoints ${path}/attachNetworkEndpoints`));
    expect(membersIn("b")).toHaveLength(count + 2);
    const going = await writesFor(wishOf(local));
    expect(going).toEqual(Array(batches).fill(`detachNetworkEndpoints ${path}/detachNetworkEndpoints`));
    expect(membersIn("b")).toEqual(["b1", "b2"]);
  },
);

it("G7: a zone more is linked, and one that lost its last node stays linked with an empty group", async () => {
  await cloud.converge(wishOf({}, nodes.slice(0, 2)));
  expect(await writesFor(wishOf())).toEqual([
    "insert zones/europe-west1-c/networkEndpointGroups",
    `attachNetworkEndpoints zones/europe-west1-c/networkEndpointGroups/${base}/attachNetworkEndpoints`,
    `update ${service}`,
  ]);
  expect(await writesFor(wishOf({}, nodes.slice(0, 2)))).toEqual([
    `detachNetworkEndpoints zones/europe-west1-c/networkEndpointGroups/${base}/detachNetworkEndpoints`,
  ]);
  expect(field(servicePath, "backends")).toHaveLength(2);
});

it("G7: a machine that was replaced by one of the same name is taken in again", async () => {
  await cloud.converge(wishOf());
  const [b1] = machines;
  cloud.gce.removeMachine(b1!);
  cloud.gce.addMachine(b1!);
  expect(membersIn("b")).toEqual(["b2"]);
  await cloud.converge(wishOf());
  expect(membersIn("b")).toEqual(["b1", "b2"]);
});

it("G7: a node of another project, without a zone or without a machine is left out, and said to be", async () => {
  const strange: readonly NodeTarget[] = [
    { name: "elsewhere", providerId: "gce://other/europe-west1-b/x", addresses: [ip("10.0.0.9")] },
    { name: "zoneless", providerId: "gce://shop//x", addresses: [ip("10.0.0.9")] },
  ];
  const wish = wishOf({}, [...nodes, ...strange]);
  await cloud.converge(wish);
  expect([...membersIn("b"), ...membersIn("c")]).toEqual(["b1", "b2", "c1"]);
  const adapter = cloud.adapter();
  const { issues } = adapter.status(wish.lb, await adapter.observe(ownKey, "live", signal), null, wish.nodes);
  expect(issues).toMatchObject([{ reason: "NodesLeftOut", message: expect.stringContaining("elsewhere, zoneless") }]);
});

it("G7: what cannot be listed is not taken for gone", async () => {
  await cloud.converge(wishOf());
  const error = { error: { code: 503, message: "try later", errors: [{ reason: "backendError" }] } };
  for (const method of ["list", "aggregatedList", "listNetworkEndpoints"]) {
    cloud.gce.faults.push({ fits: (one) => one.method === method, how: { kind: "answer", status: 503, body: error } });
    expect(await failureOf(cloud.converge(wishOf()))).toEqual({ kind: "retryable" });
    cloud.gce.faults.length = 0;
  }
  expect(await writesFor(wishOf())).toEqual([]);
});

it.each<[string, Parameters<typeof wishOf>[0], number]>([
  ["Cluster inside", { scheme: "internal" }, 25],
  ["Local inside", { scheme: "internal", externalTrafficPolicy: "Local" }, 250],
  ["Cluster outside", {}, 250],
])(
  "G9: of policy %s no more nodes than Google Cloud takes, fairly, and few move when one goes",
  async (_, changes, most) => {
    const all = [...cloud.addMany("b", 200), ...cloud.addMany("c", 200)];
    await cloud.converge(wishOf(changes, all));
    const before = [...membersIn("b"), ...membersIn("c")];
    expect(before).toHaveLength(most);
    expect(Math.abs(membersIn("b").length - membersIn("c").length)).toBeLessThanOrEqual(1);
    await cloud.converge(
      wishOf(
        changes,
        all.filter(({ name }) => name !== before[0]),
      ),
    );
    const after = new Set([...membersIn("b"), ...membersIn("c")]);
    expect(after.size).toBe(most);
    expect(before.filter((name) => !after.has(name)).length).toBeLessThanOrEqual(3);
  },
);

it("G10: lets in who may come, on ports in ranges, before it keeps the rest out", async () => {
  const ports = [...Array.from({ length: 120 }, (_, i) => tcp(1000 + i)), tcp(443), udp(53)];
  await cloud.converge(wishOf({ ports, sourceRanges: [cidr("192.0.2.0/24")] }));
  const allow = cloud.gce.world.get(`projects/shop/global/firewalls/${base}-fw-allow-v4`);
  const deny = cloud.gce.world.get(`projects/shop/global/firewalls/${base}-fw-deny-v4`);
  expect(allow).toMatchObject({
    priority: 999,
    sourceRanges: ["192.0.2.0/24"],
    destinationRanges: [field(rulePath, "IPAddress")],
    targetTags: ["berth-node"],
    allowed: [
      { IPProtocol: "tcp", ports: ["443", "1000-1119"] },
      { IPProtocol: "udp", ports: ["53"] },
    ],
  });
  expect(deny).toMatchObject({ priority: 1000, sourceRanges: ["0.0.0.0/0"], denied: [{ IPProtocol: "all" }] });
  expect(cloud.gce.world.get(`projects/shop/global/firewalls/${shared}-fw-health-v4`)).not.toHaveProperty(
    "destinationRanges",
  );
});

it("G10: an internal one is open to private networks alone, and keeps out what no rule lets in", async () => {
  await cloud.converge(wishOf({ scheme: "internal" }));
  const names = cloud.gce.world.list(/^projects\/shop\/global\/firewalls\/[^/]+$/).map(({ name }) => String(name));
  expect(names.filter((name) => name.startsWith(base))).toEqual([`${base}-fw-allow-v4`]);
  expect(field(`projects/shop/global/firewalls/${base}-fw-allow-v4`, "sourceRanges")).toEqual(["10.0.0.0/8"]);
});

it("G12: of two that change one backend service at once both see it through", async () => {
  await cloud.converge(wishOf());
  const drained = wishOf({ annotations: { "berth.dev/drain-seconds": "77" } });
  const [step] = (await planOf(drained)).steps;
  await cloud.converge(wishOf({ sessionAffinity: { kind: "ClientIP", timeoutSeconds: 10_800 } }));
  expect(await failureOf(cloud.adapter().apply(step!, new Map(), signal))).toEqual({ kind: "retryable" });
  await cloud.converge(drained);
  expect(field(servicePath, "connectionDraining")).toEqual({ drainingTimeoutSec: 77 });
});

it.each(["at once", "by its operation"])(
  "G15: a limit that is met %s is named, and no obstacle once it is raised",
  async (when) => {
    const limit = "FORWARDING_RULES (3)";
    const message = "Quota 'FORWARDING_RULES' exceeded.  Limit: 3.0 in region europe-west1.";
    const quotaInfo = { metricName: "FORWARDING_RULES", limitName: "x", limit: 3 };
    const late = { code: "QUOTA_EXCEEDED", message, status: 403, errorDetails: [{ quotaInfo }] };
    const body = {
      error: { code: 403, message, errors: [{ message, domain: "usageLimits", reason: "quotaExceeded" }] },
    };
    cloud.gce.faults.push({
      fits: ({ method, path }) => method === "insert" && path.endsWith("/forwardingRules"),
      how: when === "at once" ? { kind: "answer", status: 403, body } : { kind: "late", failure: late },
    });
    expect(await failureOf(cloud.converge(wishOf()))).toEqual({ kind: "quota", limit });
    cloud.gce.faults.length = 0;
    expect(await writesFor(wishOf())).toContain("insert forwardingRules");
  },
);

const reserved = {
  name: "mine",
  address: "203.0.113.7",
  addressType: "EXTERNAL",
  networkTier: "PREMIUM",
  description: "",
};
const addressPath = `${regional}/addresses/mine`;

it.each<[string, Parameters<typeof wishOf>[0]]>([
  ["by its name", { annotations: { "berth.dev/address-names": "mine" } }],
  ["by Google's annotation", { annotations: { "networking.gke.io/load-balancer-ip-addresses": "mine" } }],
  ["by its number", { requestedAddresses: [ip("203.0.113.7")] }],
])("G16: takes an address that the user reserved, %s, and leaves it behind", async (_, changes) => {
  cloud.gce.world.put(addressPath, reserved);
  const before = cloud.gce.world.get(addressPath);
  await cloud.converge(wishOf(changes));
  expect(await ingressOf(wishOf(changes))).toEqual(["203.0.113.7"]);
  await cloud.converge(null);
  expect(cloud.gce.world.get(addressPath)).toEqual(before);
});

it.each<[string, object, object]>([
  ["none of that name", { name: "other" }, { reason: "AddressNotFound" }],
  ["of another tier", { networkTier: "STANDARD" }, { reason: "NetworkTierMismatch" }],
  ["of another type", { addressType: "INTERNAL" }, { reason: "AddressTypeMismatch" }],
  ["of another family", { address: "2600:1900::1", ipVersion: "IPV6" }, { reason: "AddressFamilyMismatch" }],
])("G16: says that the reserved address is %s, and what to do", async (_, changes, fault) => {
  const body = { ...reserved, ...changes };
  cloud.gce.world.put(`${regional}/addresses/${body.name}`, body);
  const wish = wishOf({ annotations: { "berth.dev/address-names": "mine" } });
  const found = await failureOf(cloud.converge(wish));
  expect(found).toMatchObject({ kind: "blocked", remedy: expect.stringMatching(/reserve|name/), ...fault });
});

it("G17: what bears our name and is somebody else's stays as it is", async () => {
  const path = `projects/shop/global/firewalls/${base}-fw-allow-v4`;
  const allowed = [{ IPProtocol: "tcp" }];
  cloud.gce.world.put(path, { name: `${base}-fw-allow-v4`, description: "by hand", allowed });
  const before = cloud.gce.world.get(path);
  expect(await failureOf(cloud.converge(wishOf()))).toMatchObject({ kind: "conflict", owner: '"by hand"' });
  await cloud.converge(null);
  expect(cloud.gce.world.get(path)).toEqual(before);
});

it("G18: with a firewall that is not ours to change all else is made, and the command that does the rest is told", async () => {
  const message = "Required 'compute.firewalls.create' permission for 'projects/host/global/firewalls/x'";
  const body = { error: { code: 403, message, errors: [{ message, domain: "global", reason: "forbidden" }] } };
  await new Drive(cloud.adapter(), wishOf(), [sharedKey]).run();
  cloud.gce.faults.push({
    fits: ({ method, path }) => method === "insert" && path.endsWith("/firewalls"),
    how: { kind: "answer", status: 403, body },
  });
  const found = await failureOf(cloud.converge(wishOf()));
  const ipAddress = field(rulePath, "IPAddress");
  const description = JSON.stringify({
    "berth.dev/cluster": id.clusterId,
    "berth.dev/service": "default/web",
    "berth.dev/service-uid": id.uid,
  });
  expect(found).toEqual({
    kind: "blocked",
    reason: "FirewallForbidden",
    remedy: `let the controller change firewall rules, or run: gcloud compute firewall-rules create ${base}-fw-allow-v4 --project ${settings.networkProject} --network default --direction INGRESS --action ALLOW --priority 999 --rules tcp:80 --source-ranges 0.0.0.0/0 --destination-ranges ${String(ipAddress)} --target-tags berth-node --description '${description}'`,
  });
});
