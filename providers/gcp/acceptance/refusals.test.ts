// What the API refuses, rule by rule, and what this provider makes of it: each is met by one wrong or late request on a
// load balancer that is there. The planner makes none of them, or only when somebody else changes something meanwhile.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { groupRules } from "../../../sandbox/gce/group-rules.ts";
import { rules } from "../../../sandbox/gce/rules.ts";
import { type Fault, ProviderError, type StepResult } from "../../../src/provider/index.ts";
import type { GcpAdapter } from "../adapter.ts";
import { baseName, sharedBaseName } from "../names.ts";
import type { Action, Address, BackendService, Firewall, ForwardingRule, Resource } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { Cloud, wishOf } from "../testing/cloud.ts";
import { settings as defaults, id } from "../testing/values.ts";

const { signal } = new AbortController();
const base = baseName(id);
const api = "https://www.googleapis.com/compute/v1/projects/shop";
const regional = "projects/shop/regions/europe-west1";
const check = `${sharedBaseName(id.clusterId)}-health`;

let cloud: Cloud;
let adapter: GcpAdapter;

beforeAll(async () => {
  cloud = await Cloud.start();
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(async () => {
  cloud.gce.clear();
  await cloud.converge(wishOf());
  adapter = cloud.adapter();
});

async function apply(action: Action): Promise<StepResult> {
  const step = { id: "one", action: "create", target: "it", dependsOn: [], input: action, diff: [] } as const;
  return await adapter.apply(step, new Map(), signal);
}

/** A part of the load balancer as it is, to be changed. */
async function read<K extends Resource["kind"]>(kind: K, name: string): Promise<Extract<Resource, { kind: K }>> {
  const observed = await adapter.observe({ kind: "service", id }, "live", signal);
  if (observed.kind !== "service") throw new Error("not a service");
  const all: readonly Resource[] = [...observed.resources, ...observed.shared];
  const found = all.find((one): one is Extract<Resource, { kind: K }> => one.kind === kind && one.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

async function backend(changes: Partial<BackendService>): Promise<Action> {
  return { verb: "update", resource: { ...(await read("backendService", base)), ...changes } };
}

async function anotherRule(changes: Partial<ForwardingRule>): Promise<Action> {
  const { ports: _, allowGlobalAccess: __, ...rule } = await read("forwardingRule", `${base}-tcp-v4`);
  return { verb: "insert", resource: { ...rule, name: `${base}-tcp-v4b`, ...changes } };
}

async function anotherFirewall(changes: Partial<Firewall>): Promise<Action> {
  const firewall = await read("firewall", `${base}-fw-allow-v4`);
  return { verb: "insert", resource: { ...firewall, name: `${base}-fw-allow-v4b`, ...changes } };
}

/** An address, asked for by who was told of another place. */
async function elsewhere(place: Partial<Settings>): Promise<Action> {
  adapter = cloud.adapterWith({ ...defaults, ...place });
  return { verb: "insert", resource: { ...held, networkTier: "PREMIUM" } };
}

/** Somebody else's address. */
function hold(body: Partial<Address>): void {
  const path = `${regional}/addresses/theirs`;
  cloud.gce.world.put(path, cloud.gce.world.complete(path, { name: "theirs", ...body }));
}

const subnetwork = `${api}/regions/europe-west1/subnetworks/nodes`;
const refused = { kind: "blocked", reason: "RequestRefused" };
const held = { kind: "address", name: "another", description: "", addressType: "EXTERNAL" } as const;

const requests: Readonly<Record<string, readonly [() => Promise<Action>, Partial<Fault> | object]>> = {
  "projects exist": [() => elsewhere({ project: "nowhere" }), { kind: "blocked", reason: "ProjectNotFound" }],
  "regions and zones exist": [() => elsewhere({ region: "nowhere" }), { kind: "blocked", reason: "RegionNotFound" }],
  exists: [() => anotherFirewall({ name: `${base}-fw-allow-v4` }), { kind: "retryable" }],
  missing: [
    async () => {
      const action = await backend({});
      cloud.gce.world.remove(`${regional}/forwardingRules/${base}-tcp-v4`);
      cloud.gce.world.remove(`${regional}/backendServices/${base}`);
      return action;
    },
    { kind: "notFound" },
  ],
  "one operation at a time": [
    async () => {
      const action = await backend({ sessionAffinity: "CLIENT_IP" });
      const [path, body] = [
        `${regional}/backendServices/${base}`,
        cloud.gce.world.get(`${regional}/backendServices/${base}`),
      ];
      cloud.gce.world.coming.add({ path, body });
      return action;
    },
    { kind: "retryable" },
  ],
  name: [() => anotherFirewall({ name: "Berth" }), refused],
  fingerprint: [() => backend({ fingerprint: "b2xk" }), { kind: "retryable" }],
  references: [() => backend({ healthChecks: [`${api}/regions/europe-west1/healthChecks/x`] }), { kind: "notFound" }],
  "in use": [async () => ({ verb: "delete", ref: { kind: "healthCheck", name: check } }), { kind: "retryable" }],
  "full links of groups": [
    () =>
      backend({
        backends: [
          { group: `projects/shop/zones/europe-west1-b/networkEndpointGroups/${base}`, balancingMode: "CONNECTION" },
        ],
      }),
    refused,
  ],
  "one health check": [() => backend({ healthChecks: [] }), refused],
  "scheme stays": [() => backend({ loadBalancingScheme: "INTERNAL" }), refused],
  "protocol of what is served stays": [() => backend({ protocol: "UDP" }), refused],
  "rule fits backend service": [() => anotherRule({ IPProtocol: "UDP", ports: ["81"] }), refused],
  ports: [() => anotherRule({ ports: ["81", "82", "83", "84", "85", "86"] }), refused],
  "rules do not overlap": [() => anotherRule({ portRange: "79-81" }), { kind: "blocked", reason: "PortConflict" }],
  "global access is for internal rules": [
    async () => ({ verb: "globalAccess", rule: `${base}-tcp-v4`, allow: true }),
    refused,
  ],
  "subnetworks are named": [async () => ({ verb: "insert", resource: { ...held, addressType: "INTERNAL" } }), refused],
  "networks and subnetworks exist": [
    async () => ({
      verb: "insert",
      resource: { ...held, addressType: "INTERNAL", subnetwork: `${api}/regions/europe-west1/subnetworks/x` },
    }),
    { kind: "blocked", reason: "SubnetNotFound" },
  ],
  "internal addresses are held once": [
    async () => {
      const address = { addressType: "INTERNAL", address: "10.0.0.9", subnetwork } as const;
      hold(address);
      return { verb: "insert", resource: { ...held, ...address } };
    },
    { kind: "blocked", reason: "AddressInUse" },
  ],
  "external addresses are held once": [
    async () => {
      const { IPAddress } = await read("forwardingRule", `${base}-tcp-v4`);
      return { verb: "insert", resource: { ...held, address: IPAddress, networkTier: "PREMIUM" } };
    },
    { kind: "blocked", reason: "AddressInUse" },
  ],
  "external IPv6 addresses are held once": [
    async () => {
      const address = { address: "2600:1901::1", ipVersion: "IPV6", ipv6EndpointType: "NETLB", subnetwork } as const;
      hold(address);
      return { verb: "insert", resource: { ...held, ...address } };
    },
    { kind: "blocked", reason: "AddressInUse" },
  ],
  "external addresses are given": [
    async () => ({ verb: "insert", resource: { ...held, address: "203.0.113.77", networkTier: "PREMIUM" } }),
    refused,
  ],
  "external rules are at addresses that are held": [
    () => anotherRule({ IPAddress: "203.0.113.77", ports: ["80"] }),
    refused,
  ],
  "tier of address and rule": [
    () => anotherRule({ ports: ["81"], networkTier: "STANDARD" }),
    { kind: "blocked", reason: "NetworkTierMismatch" },
  ],
  "machines of groups exist": [
    async () => ({
      verb: "attach",
      kind: "endpointGroup",
      group: base,
      zone: "europe-west1-b",
      endpoints: [{ instance: "gone" }],
    }),
    // The others of it are tried without that one.
    { state: "pending", pollAfterMs: 0 },
  ],
  "500 endpoints in a request": [
    async () => {
      const endpoints = cloud.addMany("b", 501).map(({ name }) => ({ instance: name }));
      return { verb: "attach", kind: "endpointGroup", group: base, zone: "europe-west1-b", endpoints };
    },
    refused,
  ],
  "groups of a backend service have a network": [
    () => {
      const path = "projects/shop/zones/europe-west1-b/instanceGroups/empty";
      cloud.gce.world.put(path, { name: "empty" });
      return backend({
        backends: [{ group: `https://www.googleapis.com/compute/v1/${path}`, balancingMode: "CONNECTION" }],
      });
    },
    refused,
  ],
  "one side of a firewall": [() => anotherFirewall({ denied: [{ IPProtocol: "all" }] }), refused],
  quota: [
    async () => {
      cloud.gce.world.quotas.set("firewalls", 3);
      return await anotherFirewall({});
    },
    { kind: "quota", limit: "FIREWALLS (3)" },
  ],
};

/** Those about instance groups have tests of their own. */
const others = groupRules.map(({ id: rule }) => rule).filter((rule) => requests[rule] === undefined);

it.each(rules.map(({ id: rule }) => rule).filter((rule) => !others.includes(rule)))(
  "G11: what the API refuses by its rule %j",
  async (rule) => {
    const [request, fault] = requests[rule] ?? [];
    if (request === undefined) throw new Error("nobody would miss this rule");
    const action = await request();
    const before = cloud.fingerprint();
    const outcome = await apply(action).catch((error: unknown) => error);
    expect(outcome instanceof ProviderError ? outcome.fault : outcome).toMatchObject(fault!);
    expect(cloud.fingerprint()).toBe(before);
  },
);
