import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { FakeGce } from "./index.ts";
import { rules } from "./rules.ts";
import type { Body } from "./world.ts";

const region = "projects/p/regions/r";
const zone = "projects/p/zones/r-a";
const firewalls = "projects/p/global/firewalls";
const link = (path: string): string => `https://www.googleapis.com/compute/v1/${path}`;
const subnetwork = link(`${region}/subnetworks/s`);

const machines = [
  { name: "m1", zone: "r-a", address: "10.0.0.1", subnetwork: "s" },
  { name: "m2", zone: "r-a", address: "10.0.0.2", subnetwork: "s2" },
  ...Array.from({ length: 1000 }, (_, i) => ({ name: `n${i}`, zone: "r-a", address: "10.0.1.1", subnetwork: "s" })),
];

let gce: FakeGce;

beforeAll(async () => {
  gce = await FakeGce.start({ project: "p", region: "r", network: "n", subnetworks: ["s"], machines, pageSize: 2 });
});
afterAll(() => gce[Symbol.asyncDispose]());
beforeEach(async () => {
  gce.clear();
  await made();
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function send(verb: string, path: string, body?: object): Promise<Answer> {
  const init = { method: verb, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await fetch(new URL(`/compute/v1/${path}`, gce.url), init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const service = {
  name: "b",
  loadBalancingScheme: "EXTERNAL",
  protocol: "TCP",
  healthChecks: [link(`${region}/healthChecks/h`)],
  backends: [{ group: link(`${zone}/networkEndpointGroups/g`), balancingMode: "CONNECTION" }],
};
const rule = {
  name: "f",
  IPAddress: "34.1.1.1",
  IPProtocol: "TCP",
  loadBalancingScheme: "EXTERNAL",
  networkTier: "PREMIUM",
  backendService: link(`${region}/backendServices/b`),
  ports: ["80"],
};
const group = {
  name: "g",
  networkEndpointType: "GCE_VM_IP",
  network: link("projects/p/global/networks/n"),
  subnetwork,
};
const check = { name: "h", type: "HTTP", httpHealthCheck: { port: 10_256, requestPath: "/healthz" } };
const firewall = {
  name: "w",
  network: link("projects/p/global/networks/n"),
  allowed: [{ IPProtocol: "tcp", ports: ["80"] }],
};

/** One whole load balancer. */
async function made(): Promise<void> {
  await ok("POST", `${region}/healthChecks`, check);
  await ok("POST", `${zone}/networkEndpointGroups`, group);
  await ok("POST", `${zone}/networkEndpointGroups/g/attachNetworkEndpoints`, {
    networkEndpoints: [{ instance: "m1" }],
  });
  await ok("POST", `${region}/addresses`, { name: "a", address: "34.1.1.1", networkTier: "PREMIUM" });
  await ok("POST", `${region}/backendServices`, service);
  await ok("POST", `${region}/forwardingRules`, rule);
  await ok("POST", firewalls, firewall);
  // Two groups of one machine, and an empty one.
  for (const name of ["g1", "g2", "g3"]) await ok("POST", `${zone}/instanceGroups`, { name });
  for (const name of ["g1", "g2"]) expect(await members(name, "m1")()).toMatchObject({ status: 200 });
}

async function ok(verb: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await send(verb, path, body);
  expect(answer).toMatchObject({ status: 200 });
  return answer.body;
}

async function fingerprint(): Promise<unknown> {
  return (await ok("GET", `${region}/backendServices/b`))["fingerprint"];
}

type Attempt = () => Promise<Answer>;
const insert =
  (collection: string, body: Body): Attempt =>
  () =>
    send("POST", collection, body);
const members =
  (name: string, ...names: readonly string[]): Attempt =>
  () =>
    send("POST", `${zone}/instanceGroups/${name}/addInstances`, {
      instances: names.map((one) => ({ instance: link(`${zone}/instances/${one}`) })),
    });
const balanced = (name: string): Body => ({
  ...service,
  name: "b2",
  backends: [{ group: link(`${zone}/instanceGroups/${name}`) }],
});
const rest = { name: "f2", IPAddress: "34.1.1.1" };

/** For each rule what it refuses, and the same in a form that is right. */
const statements: Readonly<
  Record<string, { readonly refused: Attempt; readonly status: number; readonly right?: Attempt }>
> = {
  exists: { refused: insert(firewalls, firewall), status: 409, right: insert(firewalls, { ...firewall, name: "w2" }) },
  missing: {
    refused: () => send("DELETE", `${firewalls}/x`),
    status: 404,
    right: () => send("DELETE", `${firewalls}/w`),
  },
  name: { refused: insert(firewalls, { ...firewall, name: "W" }), status: 400 },
  fingerprint: {
    refused: () => send("PUT", `${region}/backendServices/b`, service),
    status: 412,
    right: async () => send("PUT", `${region}/backendServices/b`, { ...service, fingerprint: await fingerprint() }),
  },
  references: {
    refused: insert(`${region}/backendServices`, {
      ...service,
      name: "b2",
      healthChecks: [link(`${region}/healthChecks/x`)],
    }),
    status: 404,
  },
  "in use": {
    refused: () => send("DELETE", `${region}/healthChecks/h`),
    status: 400,
    right: () => send("DELETE", `${region}/forwardingRules/f`),
  },
  "full links of groups": {
    refused: insert(`${region}/backendServices`, {
      ...service,
      name: "b2",
      backends: [{ group: `${zone}/networkEndpointGroups/g` }],
    }),
    status: 400,
    right: insert(`${region}/backendServices`, { ...service, name: "b2" }),
  },
  "one health check": {
    refused: insert(`${region}/backendServices`, { ...service, name: "b2", healthChecks: [] }),
    status: 400,
  },
  "scheme stays": {
    refused: async () =>
      send("PUT", `${region}/backendServices/b`, {
        ...service,
        loadBalancingScheme: "INTERNAL",
        fingerprint: await fingerprint(),
      }),
    status: 400,
  },
  "protocol of what is served stays": {
    refused: async () =>
      send("PUT", `${region}/backendServices/b`, { ...service, protocol: "UDP", fingerprint: await fingerprint() }),
    status: 400,
    right: async () => {
      await ok("DELETE", `${region}/forwardingRules/f`);
      return send("PUT", `${region}/backendServices/b`, {
        ...service,
        protocol: "UDP",
        fingerprint: await fingerprint(),
      });
    },
  },
  "rule fits backend service": {
    refused: insert(`${region}/forwardingRules`, { ...rule, ...rest, IPProtocol: "UDP" }),
    status: 400,
  },
  ports: {
    refused: insert(`${region}/forwardingRules`, { ...rule, ...rest, ports: ["81", "82", "83", "84", "85", "86"] }),
    status: 400,
    right: insert(`${region}/forwardingRules`, { ...rule, ...rest, ports: ["81", "82", "83", "84", "85"] }),
  },
  "rules do not overlap": {
    refused: insert(`${region}/forwardingRules`, { ...rule, ...rest }),
    status: 400,
    right: insert(`${region}/forwardingRules`, { ...rule, ...rest, ports: ["81"] }),
  },
  "global access is for internal rules": {
    refused: insert(`${region}/forwardingRules`, { ...rule, ...rest, ports: ["81"], allowGlobalAccess: true }),
    status: 400,
  },
  "subnetworks exist": {
    refused: insert(`${region}/addresses`, {
      name: "i",
      addressType: "INTERNAL",
      subnetwork: link(`${region}/subnetworks/x`),
    }),
    status: 404,
    right: insert(`${region}/addresses`, { name: "i", addressType: "INTERNAL", subnetwork }),
  },
  "addresses are held once": {
    refused: insert(`${region}/addresses`, { name: "a2", address: "34.1.1.1", networkTier: "PREMIUM" }),
    status: 400,
  },
  "tier of address and rule": {
    refused: insert(`${region}/forwardingRules`, { ...rule, ...rest, ports: ["81"], networkTier: "STANDARD" }),
    status: 400,
  },
  "machines of groups exist": {
    refused: insert(`${zone}/networkEndpointGroups/g/attachNetworkEndpoints`, {
      networkEndpoints: [{ instance: "m3" }],
    }),
    status: 400,
  },
  "machines are members once": { refused: members("g1", "m1"), status: 400, right: members("g1", "n1") },
  "1000 machines in a group": {
    refused: members("g1", ...Array.from({ length: 1000 }, (_, i) => `n${i}`)),
    status: 400,
    right: members("g1", ...Array.from({ length: 999 }, (_, i) => `n${i}`)),
  },
  "machines of a group are in one subnetwork": { refused: members("g1", "m2"), status: 400 },
  "one balanced group per machine": {
    refused: async () => {
      await ok("POST", `${region}/backendServices`, balanced("g1"));
      return send("POST", `${region}/backendServices`, { ...balanced("g2"), name: "b3" });
    },
    status: 400,
    right: async () => send("POST", `${region}/backendServices`, { ...balanced("g1"), name: "b3" }),
  },
  "groups of a backend service are of one kind, and have a network": {
    refused: insert(`${region}/backendServices`, balanced("g3")),
    status: 400,
    right: insert(`${region}/backendServices`, balanced("g1")),
  },
  "one side of a firewall": {
    refused: insert(firewalls, { ...firewall, name: "w2", denied: [{ IPProtocol: "all" }] }),
    status: 400,
  },
  quota: {
    refused: () => {
      gce.world.quotas.set("firewalls", 1);
      return send("POST", firewalls, { ...firewall, name: "w2" });
    },
    status: 403,
  },
};

it.each(rules.filter(({ id }) => id !== "one operation at a time"))("$id: $source", async ({ id }) => {
  const { refused, status, right } = statements[id]!;
  expect(await refused()).toMatchObject({ status, body: { error: { code: status, errors: [{ domain: "global" }] } } });
  if (right !== undefined) expect(await right()).toMatchObject({ status: 200, body: { kind: "compute#operation" } });
});

it.each(rules.filter(({ id }) => !["missing", "one operation at a time"].includes(id)))(
  "$id: is what refuses it",
  async ({ id }) => {
    const { refused, status } = statements[id]!;
    expect(await refused()).toMatchObject({ status });
    const other = gce;
    gce = await FakeGce.start({ project: "p", region: "r", network: "n", subnetworks: ["s"], without: id });
    try {
      for (const machine of machines) gce.addMachine(machine);
      await made();
      expect(await refused()).toMatchObject({ status: 200 });
    } finally {
      await gce[Symbol.asyncDispose]();
      gce = other;
    }
  },
);

it("one operation at a time: a resource that changes takes no other change, and takes effect at the end", async () => {
  await using slow = await FakeGce.start({ project: "p", region: "r", network: "n", subnetworks: ["s"], steps: 2 });
  const other = gce;
  gce = slow;
  try {
    const { name, status } = await ok("POST", firewalls, firewall);
    expect(status).toBe("RUNNING");
    expect(await send("POST", firewalls, firewall)).toMatchObject({ status: 409 });
    expect(await send("GET", `projects/p/global/operations/${String(name)}`)).toMatchObject({
      body: { status: "DONE", progress: 100 },
    });
    await ok("DELETE", `${firewalls}/w`);
    expect(await send("DELETE", `${firewalls}/w`)).toMatchObject({
      status: 400,
      body: { error: { errors: [{ reason: "resourceNotReady" }] } },
    });
    expect(await send("GET", `${firewalls}/w`)).toMatchObject({ status: 404 });
  } finally {
    gce = other;
  }
});

it.each<[string, string, object, object]>([
  [
    "an address",
    `${region}/addresses/a`,
    { address: "34.1.1.1" },
    {
      kind: "compute#address",
      addressType: "EXTERNAL",
      status: "IN_USE",
      users: [link(`${region}/forwardingRules/f`)],
      region: link(region),
    },
  ],
  [
    "a firewall",
    `${firewalls}/w`,
    firewall,
    {
      direction: "INGRESS",
      disabled: false,
      priority: 1000,
      sourceRanges: ["0.0.0.0/0"],
      logConfig: { enable: false },
    },
  ],
  [
    "a backend service",
    `${region}/backendServices/b`,
    service,
    { sessionAffinity: "NONE", connectionDraining: { drainingTimeoutSec: 0 }, timeoutSec: 30 },
  ],
  ["a group", `${zone}/networkEndpointGroups/g`, group, { size: 1, zone: link(zone) }],
])("fills in what the API fills in: %s", async (_, path, asked, filled) => {
  const body = await ok("GET", path);
  expect(body).toMatchObject({ ...asked, ...filled, selfLink: link(path) });
  expect(body["id"]).toMatch(/^\d+$/);
});

it.each<[string, object, string]>([
  ["a field that there is not", { name: "w2", adress: "x" }, 'Unknown name "adress"'],
  ["a value that there is not", { name: "w2", direction: "SIDEWAYS" }, "Invalid value for field 'resource.direction'"],
  ["a text for a number", { name: "w2", priority: "high" }, "Invalid value at 'priority' (int32)"],
  ["one for a list", { name: "w2", sourceRanges: "10.0.0.0/8" }, "Invalid value at 'sourceRanges'"],
])("refuses %s", async (_, body, message) => {
  const answer = await send("POST", firewalls, body);
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toContain(JSON.stringify(message).slice(1, -1));
});

it("refuses a query that this request may not have", async () => {
  const answer = await send("DELETE", `${firewalls}/w?force=true`);
  expect(answer).toMatchObject({ status: 400, body: { error: { errors: [{ reason: "badRequest" }] } } });
});

it("says nothing that the API could not say", async () => {
  gce.world.put(`${firewalls}/w`, { ...firewall, colour: "red" });
  const answer = await send("GET", `${firewalls}/w`);
  expect(answer.status).toBe(500);
  expect(JSON.stringify(answer.body)).toMatch(/Firewalls.get is no Firewall: .*colour/);
});

it("does a request once, however often it comes with one id", async () => {
  const path = `${firewalls}?requestId=11111111-1111-4111-8111-111111111111`;
  const [one, two] = [
    await ok("POST", path, { ...firewall, name: "w2" }),
    await ok("POST", path, { ...firewall, name: "w2" }),
  ];
  expect(two["name"]).toBe(one["name"]);
});

it("probes each machine at each address", async () => {
  const { healthStatus } = await ok("POST", `${region}/backendServices/b/getHealth`, {
    group: link(`${zone}/networkEndpointGroups/g`),
  });
  expect(healthStatus).toEqual([
    { instance: link(`${zone}/instances/m1`), forwardingRuleIp: "34.1.1.1", healthState: "HEALTHY" },
  ]);
});
