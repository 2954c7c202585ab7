import { expect, it } from "vitest";
import type { Body } from "./body.ts";
import { rules } from "./rules.ts";
import {
  type Answer,
  Bed,
  bedOfFile,
  check,
  firewall,
  firewalls,
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
const endpoints = (method: string, count: number): Promise<Answer> =>
  send("POST", `${zone}/networkEndpointGroups/g/${method}`, {
    networkEndpoints: Array.from({ length: count }, (_, i) => ({ instance: `n${i}` })),
  });
const internal = { name: "i", addressType: "INTERNAL" };
const balanced = (name: string): Body => ({
  ...service,
  name: "b2",
  backends: [{ group: link(`${zone}/instanceGroups/${name}`) }],
});
const rest = { name: "f2", IPAddress: "34.100.0.1" };

/** For each rule what it refuses, and the same in a form that is right. */
const statements: Readonly<
  Record<string, { readonly refused: Attempt; readonly status: number; readonly right?: Attempt }>
> = {
  "projects exist": {
    refused: insert("projects/q/global/firewalls", firewall),
    status: 404,
    right: insert("projects/p/global/firewalls", { ...firewall, name: "w2" }),
  },
  "regions and zones exist": {
    refused: insert("projects/p/regions/q/healthChecks", check),
    status: 400,
    right: insert(`${region}/healthChecks`, { ...check, name: "h2" }),
  },
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
  "subnetworks are named": {
    refused: insert(`${region}/addresses`, internal),
    status: 400,
    right: insert(`${region}/addresses`, { ...internal, subnetwork }),
  },
  "networks and subnetworks exist": {
    refused: insert(`${region}/addresses`, { ...internal, subnetwork: link(`${region}/subnetworks/x`) }),
    status: 404,
    right: insert(`${region}/addresses`, { ...internal, subnetwork }),
  },
  "internal addresses are held once": {
    refused: async () => {
      await ok("POST", `${region}/addresses`, { ...internal, address: "10.0.0.9", subnetwork });
      return send("POST", `${region}/addresses`, { ...internal, name: "i2", address: "10.0.0.9", subnetwork });
    },
    status: 409,
    right: insert(`${region}/addresses`, { ...internal, name: "i2", address: "10.0.0.10", subnetwork }),
  },
  "external addresses are held once": {
    refused: insert(`${region}/addresses`, { name: "a2", address: "34.100.0.1" }),
    status: 400,
    right: insert(`${region}/addresses`, { name: "a2" }),
  },
  "external IPv6 addresses are held once": {
    refused: async () => {
      await ok("POST", `${region}/addresses`, { name: "a6", ipVersion: "IPV6", ipv6EndpointType: "NETLB", subnetwork });
      const { address } = await ok("GET", `${region}/addresses/a6`);
      return send("POST", `${region}/addresses`, { name: "a7", address, subnetwork });
    },
    status: 412,
  },
  "external addresses are given": {
    refused: insert(`${region}/addresses`, { name: "a2", address: "34.100.0.9" }),
    status: 400,
    right: async () => {
      await ok("DELETE", `${region}/forwardingRules/f`);
      await ok("DELETE", `${region}/addresses/a`);
      const { IPAddress: _, ...given } = rule;
      await ok("POST", `${region}/forwardingRules`, given);
      const { IPAddress: address } = await ok("GET", `${region}/forwardingRules/f`);
      // It is served already, and is held from now on.
      return send("POST", `${region}/addresses`, { name: "a2", address });
    },
  },
  "external rules are at addresses that are held": {
    refused: insert(`${region}/forwardingRules`, { ...rule, name: "f2", IPAddress: "34.100.0.9" }),
    status: 400,
    right: insert(`${region}/forwardingRules`, { ...rule, ...rest, ports: ["81"] }),
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
  "500 endpoints in a request": {
    refused: () => endpoints("attachNetworkEndpoints", 501),
    status: 400,
    right: () => endpoints("attachNetworkEndpoints", 500),
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
  "groups of a backend service are of one kind": {
    refused: insert(`${region}/backendServices`, {
      ...service,
      name: "b2",
      backends: [...(service["backends"] as Body[]), ...(balanced("g1")["backends"] as Body[])],
    }),
    status: 400,
  },
  "groups of a backend service have a network": {
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
      bed.current.gce.world.quotas.set("firewalls", 1);
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
    const whole = bed.current;
    await using other = await Bed.start({ without: id });
    bed.current = other;
    try {
      await other.make();
      expect(await refused()).toMatchObject({ status: 200 });
    } finally {
      bed.current = whole;
    }
  },
);
