// What may change in a load balancer (reference/gcp.md, 2.3), each row by requests of the npm client: a rule goes only where
// the API forces it to, its address is held then, and nothing else is asked for while the rule is missing.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { baseName } from "../names.ts";
import { Cloud, nodes, wishOf } from "../testing/cloud.ts";
import { cidr, id, ip, tcp, udp } from "../testing/values.ts";

type Changes = Parameters<typeof wishOf>[0];

const base = baseName(id);
const service = `update backendServices/${base}`;
const insertRule = "insert forwardingRules";
const allowFirewall = `update firewalls/${base}-fw-allow-v4`;
const patchRule = `patch forwardingRules/${base}-tcp-v4`;

let cloud: Cloud;

beforeAll(async () => {
  cloud = await Cloud.start();
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => cloud.gce.clear());

const both = { ports: [tcp(80), udp(53)] };
const six = { ports: [80, 81, 82, 90, 91, 443].map(tcp) };
const inside = { scheme: "internal" } as const;
const local = { externalTrafficPolicy: "Local" } as const;
const sticky = { sessionAffinity: { kind: "ClientIP", timeoutSeconds: 10_800 } } as const;
const ranges = { sourceRanges: [cidr("192.0.2.0/24"), cidr("198.51.100.0/24")] };
const withAnnotation = (key: string, value: string): Changes => ({ annotations: { [`berth.dev/${key}`]: value } });
const globally = { ...inside, ...withAnnotation("global-access", "true") };
const dual = { families: ["IPv4", "IPv6"] } as const;

interface Row {
  readonly from: Changes;
  readonly to: Changes;
  /** What is asked for while there is no rule at all. */
  readonly gap: readonly string[];
  /** All that is changed, where that is said. */
  readonly writes?: readonly string[];
  /** Rules that are made or deleted though one is there all the time; absent: none. */
  readonly rules?: readonly string[];
  /** It is another address afterwards. */
  readonly replaces?: boolean;
}

const rows: Readonly<Record<string, Row>> = {
  nothing: { from: {}, to: {}, gap: [], writes: [] },
  "a port": { from: {}, to: { ports: [tcp(81)] }, gap: [insertRule] },
  "a port more": { from: {}, to: { ports: [tcp(80), tcp(81)] }, gap: [insertRule] },
  "a port of both families": { from: dual, to: { ...dual, ports: [tcp(81)] }, gap: [insertRule] },
  "a port of each protocol": {
    from: both,
    to: { ports: [tcp(81), udp(54)] },
    gap: [],
    rules: [`delete forwardingRules/${base}-tcp-v4`, insertRule, `delete forwardingRules/${base}-udp-v4`, insertRule],
  },
  "ports that make a range": { from: {}, to: six, gap: [insertRule] },
  "a range that becomes ports": { from: six, to: {}, gap: [insertRule] },
  "a port of many inside, where all are let through": {
    from: { ...inside, ...six },
    to: { ...inside, ports: [...six.ports, tcp(444)] },
    gap: [],
    writes: [allowFirewall],
  },
  "TCP to UDP": { from: {}, to: { ports: [udp(80)] }, gap: [service, insertRule] },
  "UDP to TCP": { from: { ports: [udp(80)] }, to: {}, gap: [service, insertRule] },
  "TCP to both": { from: {}, to: both, gap: [service, insertRule] },
  "UDP to both": { from: { ports: [udp(53)] }, to: both, gap: [service, insertRule] },
  "both to TCP": { from: both, to: {}, gap: [service, insertRule] },
  "both to UDP": { from: both, to: { ports: [udp(53)] }, gap: [service, insertRule] },
  "a UDP port of both": {
    from: both,
    to: { ports: [tcp(80), udp(54)] },
    gap: [],
    rules: [`delete forwardingRules/${base}-udp-v4`, insertRule],
  },
  "TCP to both inside": { from: inside, to: { ...inside, ...both }, gap: [service, insertRule] },
  "both to UDP inside": {
    from: { ...inside, ...both },
    to: { ...inside, ports: [udp(53)] },
    gap: [service, insertRule],
  },
  // Outside none can be asked for that the project does not have.
  "the address": {
    from: inside,
    to: { ...inside, requestedAddresses: [ip("10.0.0.9")] },
    gap: [insertRule],
    replaces: true,
  },
  "the subnetwork": {
    from: inside,
    to: { ...inside, ...withAnnotation("subnet", "other") },
    gap: [insertRule],
    replaces: true,
  },
  "the tier": { from: {}, to: withAnnotation("network-tier", "Standard"), gap: [insertRule], replaces: true },
  "outside to inside": {
    from: {},
    to: inside,
    gap: [`delete backendServices/${base}`, "insert backendServices", insertRule],
    replaces: true,
  },
  "inside to outside": {
    from: inside,
    to: {},
    gap: [`delete backendServices/${base}`, "insert backendServices", insertRule],
    replaces: true,
  },
  "global access": { from: inside, to: globally, gap: [], writes: [patchRule] },
  "no global access": { from: globally, to: inside, gap: [], writes: [patchRule] },
  "global access and affinity": { from: inside, to: { ...globally, ...sticky }, gap: [], writes: [service, patchRule] },
  affinity: { from: {}, to: sticky, gap: [], writes: [service] },
  "no affinity": { from: sticky, to: {}, gap: [], writes: [service] },
  draining: { from: {}, to: withAnnotation("drain-seconds", "7"), gap: [], writes: [service] },
  weights: { from: local, to: { ...local, ...withAnnotation("weighted-nodes", "true") }, gap: [], writes: [service] },
  "no weights": {
    from: { ...local, ...withAnnotation("weighted-nodes", "true") },
    to: local,
    gap: [],
    writes: [service],
  },
  "policy Cluster to Local": {
    from: {},
    to: local,
    gap: [],
    writes: ["insert healthChecks", "insert firewalls", service],
  },
  "policy Local to Cluster": {
    from: local,
    to: {},
    gap: [],
    writes: [
      "insert healthChecks",
      "insert firewalls",
      "insert firewalls",
      service,
      `delete firewalls/${base}-fw-health-v4`,
      `delete healthChecks/${base}-health`,
    ],
  },
  "source ranges": { from: {}, to: ranges, gap: [], writes: [allowFirewall] },
  "one source range less": {
    from: ranges,
    to: { sourceRanges: ranges.sourceRanges.slice(1) },
    gap: [],
    writes: [allowFirewall],
  },
  "no source ranges": { from: ranges, to: {}, gap: [], writes: [allowFirewall] },
  "a family more": { from: {}, to: dual, gap: [], rules: [insertRule] },
  "a family less": { from: dual, to: {}, gap: [], rules: [`delete forwardingRules/${base}-tcp-v6`] },
};

interface Asked {
  readonly call: string;
  /** The addresses that were held at that time. */
  readonly held: readonly string[];
}

/** What was asked for while no rule was there, of IPv4 as each has one, from here on. */
function watchGap(): readonly Asked[] {
  const seen: Asked[] = [];
  cloud.gce.faults.push({
    fits: ({ method, path }) => {
      const isOpen = vip() !== "";
      const call = `${method} ${path.split("/").slice(4).join("/")}`;
      if (!isOpen) seen.push({ call, held: valuesOf("addresses", "address") });
      return false;
    },
    how: { kind: "hang" },
  });
  return seen;
}

function valuesOf(collection: string, field: string): readonly string[] {
  const found = [...cloud.gce.world.resources].filter(([path]) => path.includes(`/${collection}/`));
  return [...new Set(found.map(([, body]) => String(body[field])))];
}

function vip(): string {
  return valuesOf("forwardingRules", "IPAddress").find((address) => !address.includes(":")) ?? "";
}

it.each(Object.entries(rows))("%s", async (_, { from, to, gap, writes, replaces = false, rules }) => {
  await cloud.converge(wishOf(from));
  const before = vip();
  cloud.takeWrites();
  const asked = watchGap();
  await cloud.converge(wishOf(to));
  expect(asked.map(({ call }) => call)).toEqual(gap);
  for (const { held } of asked) expect(held).toContain(vip());
  const done = cloud.takeWrites();
  if (writes !== undefined) expect(done).toEqual(writes);
  const made = done.filter((write) => /^(delete|insert) forwardingRules/.test(write));
  if (gap.length === 0) expect(made).toEqual(rules ?? []);
  expect(vip() !== before).toBe(replaces);
  expect(cloud.gce.dangling()).toEqual([]);
  await cloud.converge(wishOf(to));
  expect(cloud.takeWrites()).toEqual([]);
});

it("a rule that leads to another backend service is made anew, at its address", async () => {
  await cloud.converge(wishOf());
  const before = vip();
  const path = `projects/shop/regions/europe-west1/forwardingRules/${base}-tcp-v4`;
  const other = "https://www.googleapis.com/compute/v1/projects/shop/regions/europe-west1/backendServices/other";
  cloud.gce.world.put(path, { ...cloud.gce.world.get(path), backendService: other });
  const gap = watchGap();
  await cloud.converge(wishOf());
  expect(gap).toEqual([{ call: insertRule, held: [before] }]);
  expect(vip()).toBe(before);
});

it("nodes that come and go change neither rule nor backend service", async () => {
  await cloud.converge(wishOf());
  const gap = watchGap();
  cloud.takeWrites();
  await cloud.converge(wishOf({}, nodes.slice(1)));
  expect(gap).toEqual([]);
  expect(cloud.takeWrites().map((write) => write.split(" ")[0])).toEqual(["detachNetworkEndpoints"]);
});
