import fc from "fast-check";
import { expect, it } from "vitest";
import type { Service, ServiceSpec } from "../api/index.ts";
import { parseCidr } from "../net/index.ts";
import { type Claims, claimantOf, claimsOf, PortClaims, type ProxiedService, proxiedService } from "./index.ts";
import { port, service } from "./testing/objects.ts";

const guard = {
  apiServers: new Set<string>(),
  nodeAddresses: new Set(["192.0.2.1"]),
  translated: new Map([["198.51.100.1", "192.0.2.1"]]),
  externalIps: ["0.0.0.0/0"].flatMap((text) => parseCidr(text) ?? []),
  reservedPorts: [],
};

interface Made {
  readonly object: Service;
  readonly service: ProxiedService;
  readonly claims: Claims;
}

function made(
  key: string,
  createdAt: string,
  spec: Partial<ServiceSpec> = {},
  vips: string[] = [],
  uid = `uid-${key}`,
): Made {
  const object = service(key, { clusterIP: "10.96.0.7", ports: [port("p", 80)], ...spec }, vips);
  const full = { ...object, metadata: { ...object.metadata, uid, creationTimestamp: createdAt } };
  const proxied = proxiedService(full, [], { name: "here", zone: undefined })!;
  return { object: full, service: proxied, claims: claimsOf(proxied, guard) };
}

/** `kind address: why` of all frontends that the Service may not have. */
function objections(claims: PortClaims, { service }: Made): string[] {
  return service.ports.flatMap((port) =>
    port.frontends.flatMap((frontend) => {
      const why = claims.objection(service.key, port, frontend);
      return why === undefined ? [] : [`${frontend.kind} ${frontend.address ?? "node"} ${frontend.port}: ${why}`];
    }),
  );
}

function set(claims: PortClaims, one: Made): ReadonlySet<string> {
  return claims.set(claimantOf(one.object, one.service.key), one.claims);
}

const monday = "2026-01-05T00:00:00Z";
const tuesday = "2026-01-06T00:00:00Z";
const a = { clusterIP: "10.96.0.1" };
const b = { clusterIP: "10.96.0.2" };
const udp = { ports: [port("p", 80, { protocol: "UDP" })] };

it.each<[string, Made, Made, string[]]>([
  [
    "an external IP, to the older",
    made("ns/b", monday, { ...b, externalIPs: ["203.0.113.7"] }),
    made("ns/a", tuesday, { ...a, externalIPs: ["203.0.113.7"] }),
    ["ExternalIP 203.0.113.7 80: Service ns/b has it and is older"],
  ],
  [
    "a load-balancer address, to the older",
    made("ns/b", monday, b, ["203.0.113.7"]),
    made("ns/a", tuesday, { ...a, externalIPs: ["203.0.113.7"] }),
    ["ExternalIP 203.0.113.7 80: Service ns/b has it and is older"],
  ],
  [
    "the same age, to the smaller UID",
    made("ns/b", monday, b, ["203.0.113.7"], "1"),
    made("ns/a", monday, a, ["203.0.113.7"], "2"),
    ["LoadBalancerIP 203.0.113.7 80: Service ns/b has it: it was created in the same second and has the smaller UID"],
  ],
  [
    "a ClusterIP, to the Service to which it was assigned, though the other waited for it",
    made("ns/b", tuesday, b),
    made("ns/a", monday, { ...a, externalIPs: ["10.96.0.2"] }),
    ["ExternalIP 10.96.0.2 80: the API server gave it to Service ns/b"],
  ],
  [
    "a NodePort that the API server gave twice, to the older",
    made("ns/b", monday, { ...b, ports: [port("p", 80, { nodePort: 30080 })] }),
    made("ns/a", tuesday, { ...a, ports: [port("p", 80, { nodePort: 30080 })] }),
    ["NodePort node 30080: Service ns/b has it and is older"],
  ],
  [
    "a port of the node that is another Service's NodePort",
    made("ns/b", tuesday, { ...b, ports: [port("p", 80, { nodePort: 8080 })] }),
    made("ns/a", monday, { ...a, externalIPs: ["192.0.2.1", "203.0.113.7"], ports: [port("p", 8080)] }),
    ["ExternalIP 192.0.2.1 8080: it is a node port of Service ns/b"],
  ],
  [
    "a port of the node that is another Service's health check node port, by a translated address",
    made("ns/b", tuesday, {
      ...b,
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 8080,
    }),
    made("ns/a", monday, { ...a, ports: [port("p", 8080)] }, ["198.51.100.1"]),
    ["LoadBalancerIP 198.51.100.1 8080: it is a node port of Service ns/b"],
  ],
  [
    "another protocol, to both",
    made("ns/b", monday, b, ["203.0.113.7"]),
    made("ns/a", tuesday, { ...a, ...udp }, ["203.0.113.7"]),
    [],
  ],
  [
    "another port, to both",
    made("ns/b", monday, b, ["203.0.113.7"]),
    made("ns/a", tuesday, { ...a, ports: [port("p", 81)] }, ["203.0.113.7"]),
    [],
  ],
])("gives %s, whoever comes first", (_what, winner, loser, expected) => {
  for (const order of [
    [winner, loser],
    [loser, winner],
  ]) {
    const claims = new PortClaims();
    for (const one of order) set(claims, one);
    expect(objections(claims, loser)).toEqual(expected);
    expect(objections(claims, winner)).toEqual([]);
    claims.set(claimantOf(winner.object, winner.service.key), undefined);
    expect(objections(claims, loser)).toEqual([]);
  }
});

it("lets a Service have the same address twice", () => {
  const claims = new PortClaims();
  const one = made("ns/a", monday, { externalIPs: ["203.0.113.7", "10.96.0.7"] }, ["203.0.113.7"]);
  expect([...set(claims, one)]).toEqual([]);
  expect(objections(claims, one)).toEqual([]);
});

const arbitrary = fc
  .record({
    name: fc.constantFrom("a", "b", "c", "d"),
    createdAt: fc.constantFrom(monday, tuesday),
    uid: fc.constantFrom("1", "2", "3"),
    gone: fc.boolean(),
    clusterIP: fc.constantFrom("10.96.0.1", "10.96.0.2", "10.96.0.3"),
    externalIPs: fc.subarray(["10.96.0.1", "203.0.113.7", "192.0.2.1"]),
    vips: fc.subarray(["203.0.113.7", "198.51.100.1", "192.0.2.1"]),
    ports: fc.uniqueArray(
      fc.record({
        number: fc.constantFrom(80, 8080),
        protocol: fc.constantFrom("TCP", "UDP"),
        nodePort: fc.constantFrom(0, 8080),
      }),
      { minLength: 1, maxLength: 2, selector: ({ number, protocol }) => `${number} ${protocol}` },
    ),
  })
  .map(({ name, createdAt, uid, gone, ports, clusterIP, externalIPs, vips }) => {
    const list = ports.map(({ number, ...rest }, i) => port(`p${i}`, number, rest));
    return { gone, one: made(`ns/${name}`, createdAt, { clusterIP, externalIPs, ports: list }, vips, uid) };
  });

it("decides the same whatever happened before, and names every Service for which a step changes something", () => {
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 12 }), (steps) => {
      const claims = new PortClaims();
      const present = new Map<string, Made>();
      for (const { one, gone } of steps) {
        const { key } = one.service;
        const before = new Map([...present].map(([key, made]) => [key, objections(claims, made)]));
        const touched = gone
          ? claims.set(claimantOf((present.get(key) ?? one).object, key), undefined)
          : set(claims, one);
        if (gone) present.delete(key);
        else present.set(key, one);

        const fresh = new PortClaims();
        for (const made of [...present.values()].reverse()) set(fresh, made);
        for (const [other, made] of present) {
          const now = objections(claims, made);
          expect(now).toEqual(objections(fresh, made));
          if (other !== key && JSON.stringify(now) !== JSON.stringify(before.get(other)))
            expect([...touched]).toContain(other);
        }
      }
    }),
  );
});
