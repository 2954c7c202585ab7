// What is wrong outside of the Service: what is told of it, when it is tried again, that it is all mended by the next try once
// the cause is, and that nothing of anybody else is touched. Real requests of the npm client to the stand-in of the API.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decide, ProviderError } from "../../../src/provider/index.ts";
import type { GcpAdapter } from "../adapter.ts";
import { baseName } from "../names.ts";
import { Cloud, wishOf } from "../testing/cloud.ts";
import { id, ip } from "../testing/values.ts";

type Wish = ReturnType<typeof wishOf>;
type Changes = Parameters<typeof wishOf>[0];

const { signal } = new AbortController();
const base = baseName(id);
const regional = "projects/shop/regions/europe-west1";
const global = "projects/shop/global/firewalls";
const mine = { name: "mine", address: "203.0.113.7", addressType: "EXTERNAL", networkTier: "PREMIUM", description: "" };
const minePath = `${regional}/addresses/mine`;
const byName = { annotations: { "berth.dev/address-names": "mine" } };
const byNumber = { requestedAddresses: [ip("203.0.113.7")] };
const inside = { scheme: "internal" } as const;

let cloud: Cloud;

beforeAll(async () => {
  cloud = await Cloud.start();
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => cloud.gce.clear());

interface Row {
  readonly changes?: Changes;
  /** Does what is wrong. */
  readonly spoil: () => void;
  /** What is asked for once somebody has understood; absent: the same. */
  readonly mended?: Changes;
  readonly reason: string;
  /** A part of what is told. */
  readonly told: string;
}

/** A resource of somebody else. */
function put(path: string, body: object): void {
  const { world } = cloud.gce;
  world.put(path, world.complete(path, body as Readonly<Record<string, unknown>>));
}

function refuse(method: string, collection: string, status: number, reason: string, message: string): void {
  const body = { error: { code: status, message, errors: [{ message, domain: "global", reason }] } };
  const isSo = new RegExp(`/${collection}(/[^/]+)?$`);
  cloud.gce.faults.push({
    fits: (one) => one.method === method && isSo.test(one.path),
    how: { kind: "answer", status, body },
  });
}

const address = (changes: object) => () => put(minePath, { ...mine, ...changes });
const limit = (collection: string) => () => void cloud.gce.world.quotas.set(collection, 0);
const foreign =
  (path: string, body: object = {}) =>
  (): void =>
    put(path, { name: path.split("/").at(-1), description: "by hand", ...body });
const forbid = (method: string, collection: string) => (): void =>
  refuse(
    method,
    collection,
    403,
    "forbidden",
    `Required 'compute.${collection}.${method}' permission for 'projects/shop'`,
  );

const rows: Readonly<Record<string, Row>> = {
  "a subnetwork that is not there": {
    changes: { ...inside, annotations: { "berth.dev/subnet": "nowhere" } },
    spoil: () => {},
    mended: { ...inside, annotations: { "berth.dev/subnet": "other" } },
    reason: "SubnetNotFound",
    told: "subnetworks/nowhere",
  },
  "a reserved address that is not there": {
    changes: byName,
    spoil: () => {},
    mended: {},
    reason: "AddressNotFound",
    told: "there is no address mine in region europe-west1 of project shop",
  },
  "a reserved address of another tier": {
    changes: byName,
    spoil: address({ networkTier: "STANDARD" }),
    mended: {},
    reason: "NetworkTierMismatch",
    told: "address mine is of tier STANDARD, the Service of PREMIUM",
  },
  "a reserved address of another type": {
    changes: byNumber,
    spoil: address({ addressType: "INTERNAL" }),
    mended: {},
    reason: "AddressTypeMismatch",
    told: "address 203.0.113.7 is INTERNAL",
  },
  "a reserved address of another family": {
    changes: byName,
    spoil: address({ address: "2600:1900::1", ipVersion: "IPV6" }),
    mended: {},
    reason: "AddressFamilyMismatch",
    told: "mine is IPv6",
  },
  "a reserved address that another rule has": {
    changes: byName,
    spoil: () => {
      put(minePath, mine);
      put(`${regional}/forwardingRules/theirs`, { name: "theirs", IPAddress: mine.address });
    },
    mended: {},
    reason: "AddressInUse",
    told: "forwardingRules/theirs",
  },
  "an address of another Service, by its number": {
    changes: byNumber,
    spoil: address({
      description: '{"berth.dev/cluster":"cluster-1","berth.dev/service":"secret/dns","berth.dev/service-uid":"x"}',
    }),
    mended: {},
    reason: "AddressInUse",
    told: "address 203.0.113.7 is that of another load balancer",
  },
  "an external address that nobody has reserved": {
    changes: byNumber,
    spoil: () => {},
    mended: {},
    reason: "AddressNotReserved",
    told: "gcloud compute addresses create NAME --region europe-west1 --project shop",
  },
  "an internal address that others hold": {
    changes: { ...inside, requestedAddresses: [ip("10.0.0.9")] },
    spoil: () =>
      refuse("insert", "addresses", 409, "IP_IN_USE_BY_ANOTHER_RESOURCE", "IP '10.0.0.9' is already being used."),
    reason: "AddressInUse",
    told: "10.0.0.9",
  },
  "an internal address of elsewhere": {
    changes: { ...inside, requestedAddresses: [ip("172.16.0.9")] },
    spoil: () =>
      refuse(
        "insert",
        "addresses",
        400,
        "invalid",
        "Requested internal IP address is outside the network/subnetwork range.",
      ),
    reason: "AddressOutsideSubnet",
    told: "ask for an address of the load balancer's subnetwork",
  },
  "a rule of others on the same ports": {
    spoil: () =>
      refuse(
        "insert",
        "forwardingRules",
        400,
        "invalid",
        "Forwarding rule's port range is conflicting with forwarding rule 'theirs'",
      ),
    reason: "PortConflict",
    told: "take other ports, or another address",
  },
  "a policy of the organization": {
    spoil: () =>
      refuse("insert", "forwardingRules", 412, "conditionNotMet", "Constraint constraints/compute.x violated"),
    reason: "OrganizationPolicy",
    told: "Constraint constraints/compute.x violated",
  },
  "a region that is not there": {
    spoil: () => refuse("insert", "addresses", 404, "notFound", "The resource 'projects/shop/regions/x' was not found"),
    reason: "RegionNotFound",
    told: "--gcp-l4-region",
  },
  "a project without the API": {
    spoil: () => refuse("list", "addresses", 403, "accessNotConfigured", "it is disabled"),
    reason: "ApiDisabled",
    told: "gcloud services enable compute.googleapis.com --project shop",
  },
  "something that nobody has heard of": {
    spoil: () => refuse("insert", "backendServices", 400, "invalid", "Elephants are not supported"),
    reason: "RequestRefused",
    told: "change what Google Cloud objects to: Elephants are not supported",
  },
  "no room for an address": { spoil: limit("addresses"), reason: "QuotaExceeded", told: "ADDRESSES (0)" },
  "no room for a health check": { spoil: limit("healthChecks"), reason: "QuotaExceeded", told: "HEALTH_CHECKS (0)" },
  "no room for a firewall rule": { spoil: limit("firewalls"), reason: "QuotaExceeded", told: "FIREWALLS (0)" },
  "no room for a backend service": {
    spoil: limit("backendServices"),
    reason: "QuotaExceeded",
    told: "BACKEND_SERVICES (0)",
  },
  "no room for a rule": { spoil: limit("forwardingRules"), reason: "QuotaExceeded", told: "FORWARDING_RULES (0)" },
  "no room for a group": {
    spoil: limit("networkEndpointGroups"),
    reason: "QuotaExceeded",
    told: "NETWORK_ENDPOINT_GROUPS (0)",
  },
  "somebody's backend service of our name": {
    spoil: foreign(`${regional}/backendServices/${base}`),
    reason: "Conflict",
    told: '"by hand"',
  },
  "somebody's rule of our name": {
    spoil: foreign(`${regional}/forwardingRules/${base}-tcp-v4`, { IPAddress: "203.0.113.1" }),
    reason: "Conflict",
    told: '"by hand"',
  },
  "somebody's firewall rule of our name": {
    spoil: foreign(`${global}/${base}-fw-deny-v4`),
    reason: "Conflict",
    told: '"by hand"',
  },
  "somebody's health check of our name": {
    changes: { externalTrafficPolicy: "Local" },
    spoil: foreign(`${regional}/healthChecks/${base}-health`),
    reason: "Conflict",
    told: '"by hand"',
  },
  "somebody's group of our name": {
    spoil: foreign(`projects/shop/zones/europe-west1-b/networkEndpointGroups/${base}`, {
      networkEndpointType: "GCE_VM_IP",
    }),
    reason: "Conflict",
    told: '"by hand"',
  },
  "no right to list": { spoil: forbid("list", "addresses"), reason: "Forbidden", told: "compute.addresses.list" },
  "no right to make": {
    spoil: forbid("insert", "forwardingRules"),
    reason: "Forbidden",
    told: "allow compute.forwardingRules.insert in project shop",
  },
};

/** What a try ends with, as a Service's condition has it. */
async function endOf(wish: Wish, adapter: GcpAdapter): Promise<{ readonly kind: string; readonly text: string }> {
  try {
    await cloud.converge(wish, adapter);
    return { kind: "done", text: "" };
  } catch (error) {
    const decision = decide(error);
    const remedy = decision.kind === "park" ? decision.remedy : "";
    return { kind: `${decision.kind} ${decision.reason}`, text: `${(error as ProviderError).message}; ${remedy}` };
  }
}

function othersThings(): ReadonlyMap<string, string> {
  const { resources } = cloud.gce.world;
  return new Map([...resources].map(([path, body]) => [path, JSON.stringify(body)]));
}

it.each(Object.entries(rows))("%s", async (_, { changes = {}, spoil, mended = changes, reason, told }) => {
  spoil();
  const before = othersThings();
  const adapter = cloud.adapter();
  for (const time of [1, 2]) {
    const { kind, text } = await endOf(wishOf(changes), adapter);
    expect([time, kind]).toEqual([time, `park ${reason}`]);
    expect(text).toContain(told);
    expect(text).not.toMatch(/secret/);
  }
  for (const [path, body] of before) expect(JSON.stringify(cloud.gce.world.resources.get(path))).toBe(body);
  // Somebody mends it.
  cloud.gce.faults.length = 0;
  cloud.gce.world.quotas.clear();
  for (const path of before.keys()) cloud.gce.world.remove(path);
  await cloud.converge(wishOf(mended), adapter);
  const made = cloud.fingerprint();
  cloud.gce.clear();
  await cloud.converge(wishOf(mended));
  expect(made).toBe(cloud.fingerprint());
  await cloud.converge(null, adapter);
  expect([...cloud.gce.world.resources.keys()].filter((path) => path.includes(base))).toEqual([]);
});

describe("another tenant", () => {
  const other = { ...id, clusterId: "cluster-2" };

  it("in another cluster, with the same Service: neither touches what is the other's, nor calls it its own", async () => {
    await cloud.converge(wishOf({ id: other }));
    const before = othersThings();
    await cloud.converge(wishOf());
    const owned = await Array.fromAsync(cloud.adapter().listOwned(id.clusterId, signal));
    expect(owned.length).toBeGreaterThan(0);
    expect(owned.filter(({ ref }) => before.has(ref.replace(/^.*\/v1\//, "")))).toEqual([]);
    await cloud.converge(null);
    for (const [path, body] of before) expect(JSON.stringify(cloud.gce.world.resources.get(path))).toBe(body);
  });

  it("is not found by what its things are called: what says nothing of an owner, or something else, is nobody's", async () => {
    for (const [i, description] of ["", "{}", "[1]", "null", '{"berth.dev/cluster":7}', "{"].entries())
      put(`${regional}/addresses/berth-x-${i}`, { name: `berth-x-${i}`, description });
    expect(await Array.fromAsync(cloud.adapter().listOwned(id.clusterId, signal))).toEqual([]);
  });

  it.each([
    "berth.dev/endpoint",
    "berth.dev/gcp-l4-endpoint",
    "berth.dev/project",
    "berth.dev/region",
    "berth.dev/network-project",
    "berth.dev/credentials",
    "cloud.google.com/endpoint",
  ])("cannot lead requests elsewhere by an annotation: %s", async (key) => {
    await cloud.converge(wishOf());
    const plain = cloud.gce.journal.map(({ method, path }) => `${method} ${path}`);
    cloud.gce.clear();
    await cloud.converge(wishOf({ annotations: { [key]: "http://192.0.2.1:80" } }));
    expect(cloud.gce.journal.map(({ method, path }) => `${method} ${path}`)).toEqual(plain);
  });

  it.each(["berth.dev/address-names", "networking.gke.io/load-balancer-ip-addresses"])(
    "cannot have the address of a Service in another namespace by its name: %s",
    async (key) => {
      await cloud.converge(wishOf({ id: { ...id, uid: "another", namespace: "secret", name: "dns" } }));
      const [held] = [...cloud.gce.world.resources.keys()].filter((path) => path.includes("/addresses/"));
      const before = othersThings();
      const wish = wishOf({ annotations: { [key]: held?.split("/").at(-1) ?? "" } });
      expect((await endOf(wish, cloud.adapter())).kind).toBe("park AddressInUse");
      for (const [path, body] of before) expect(JSON.stringify(cloud.gce.world.resources.get(path))).toBe(body);
    },
  );
});
