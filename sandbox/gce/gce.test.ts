import { expect, it } from "vitest";
import type { Body } from "./body.ts";
import {
  Bed,
  bedOfFile,
  check,
  firewall,
  firewalls,
  group,
  link,
  region,
  rule,
  service,
  subnetwork,
  zone,
} from "./testing/bed.ts";

const bed = bedOfFile();
const send: Bed["send"] = (...args) => bed.current.send(...args);
const ok: Bed["ok"] = (...args) => bed.current.ok(...args);

it("one operation at a time: a resource that changes takes no other change, and takes effect at the end", async () => {
  await using slow = await Bed.start({ steps: 2 });
  const [send, ok] = [slow.send.bind(slow), slow.ok.bind(slow)];
  const { name, status } = await ok("POST", firewalls, firewall);
  expect(status).toBe("PENDING");
  expect(await send("POST", firewalls, firewall)).toMatchObject({ status: 409 });
  expect(await ok("GET", `projects/p/global/operations/${String(name)}`)).toMatchObject({
    status: "DONE",
    progress: 100,
    operationType: "insert",
    targetLink: link(`${firewalls}/w`),
    targetId: (await ok("GET", `${firewalls}/w`))["id"],
    user: expect.any(String),
    insertTime: "2026-01-01T00:00:01.000Z",
    endTime: "2026-01-01T00:00:03.000Z",
  });
  await ok("DELETE", `${firewalls}/w`);
  expect(await send("DELETE", `${firewalls}/w`)).toMatchObject({
    status: 400,
    body: { error: { errors: [{ reason: "resourceNotReady" }] } },
  });
  expect(await send("GET", `${firewalls}/w`)).toMatchObject({ status: 404 });
});

it("gives every address in turn, and the same not again before all others", async () => {
  const reserve = async (name: string): Promise<unknown> => {
    await ok("POST", `${region}/addresses`, { name });
    return (await ok("GET", `${region}/addresses/${name}`))["address"];
  };
  const first = await reserve("x");
  const { id } = await ok("GET", `${region}/addresses/x`);
  await ok("DELETE", `${region}/addresses/x`);
  expect([first, await reserve("x"), await reserve("y")]).toEqual(["34.100.0.2", "34.100.0.3", "34.100.0.4"]);
  expect((await ok("GET", `${region}/addresses/x`))["id"]).not.toBe(id);
  for (let i = 5; i <= 65_535; i++) bed.current.gce.world.furnish(`${region}/addresses/z`, { addressType: "EXTERNAL" });
  // The first one is held all the time.
  expect([await reserve("z"), await reserve("w")]).toEqual(["34.100.0.2", "34.100.0.5"]);
});

it.each<[string, string, object, object]>([
  [
    "an address",
    `${region}/addresses/a`,
    { address: "34.100.0.1" },
    {
      kind: "compute#address",
      addressType: "EXTERNAL",
      networkTier: "PREMIUM",
      labelFingerprint: expect.any(String),
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
  [
    "a health check",
    `${region}/healthChecks/h`,
    check,
    { checkIntervalSec: 5, healthyThreshold: 2, region: link(region) },
  ],
  ["a rule", `${region}/forwardingRules/f`, rule, { fingerprint: expect.any(String), region: link(region) }],
])("fills in what the API fills in: %s", async (_, path, asked, filled) => {
  const body = await ok("GET", path);
  expect(body).toMatchObject({ ...asked, ...filled, selfLink: link(path) });
  expect(body["id"]).toMatch(/^\d+$/);
  expect(body["creationTimestamp"]).toMatch(/^2026-01-01T/);
});

it("says ranges of ports and links in one form, and of global access only that it is so", async () => {
  const inside = {
    ...service,
    name: "bi",
    loadBalancingScheme: "INTERNAL",
    healthChecks: ["regions/r/healthChecks/h"],
  };
  await ok("POST", `${region}/backendServices`, inside);
  expect(await ok("GET", `${region}/backendServices/bi`)).toMatchObject({ healthChecks: service["healthChecks"] });
  const { ports: _, IPAddress: __, ...common }: Body = { ...rule, name: "fi", loadBalancingScheme: "INTERNAL" };
  const more = { backendService: `projects/p/regions/r/backendServices/bi`, subnetwork, portRange: "80" };
  await ok("POST", `${region}/forwardingRules`, { ...common, ...more, allowGlobalAccess: false });
  const body = await ok("GET", `${region}/forwardingRules/fi`);
  expect(body).toMatchObject({ portRange: "80-80", backendService: link(`${region}/backendServices/bi`) });
  expect(body).not.toHaveProperty("allowGlobalAccess");
  await ok("PATCH", `${region}/forwardingRules/fi`, { allowGlobalAccess: true });
  expect(await ok("GET", `${region}/forwardingRules/fi`)).toMatchObject({ allowGlobalAccess: true });
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
  bed.current.gce.world.put(`${firewalls}/w`, { ...firewall, colour: "red" });
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
    { instance: link(`${zone}/instances/m1`), forwardingRuleIp: "34.100.0.1", healthState: "HEALTHY" },
  ]);
});
