import { expect, it } from "vitest";
import type { ServiceSpec } from "../api/index.ts";
import { parseCidr } from "../net/index.ts";
import {
  type FrontendGuard,
  guardFrontends,
  type ProxiedService,
  proxiedService,
  screenFrontends,
  socketObjection,
  type WaitingSocket,
} from "./index.ts";
import { port, service } from "./testing/objects.ts";

const guard: FrontendGuard = {
  apiServers: new Set(["192.0.2.9:6443", "192.0.2.1:8443"]),
  nodeAddresses: new Set(["192.0.2.1", "fd00:c::1"]),
  translated: new Map([["198.51.100.1", "192.0.2.1"]]),
  externalIps: ["198.51.100.0/24", "203.0.113.0/24"].flatMap((text) => parseCidr(text) ?? []),
  reservedPorts: [{ first: 22, last: 22 }],
};

function web(number: number, vips: string[], spec: Partial<ServiceSpec> = {}): ProxiedService {
  const object = service("ns/web", { clusterIP: "10.96.0.7", ports: [port("http", number)], ...spec }, vips);
  return proxiedService(object, [], { name: "here", zone: undefined })!;
}

function external(service: ProxiedService): string[] {
  return service.ports.flatMap(({ frontends }) =>
    frontends.filter(({ kind }) => kind !== "ClusterIP").map(({ kind, address }) => `${kind} ${address}`),
  );
}

it.each<[string, string[], Partial<ServiceSpec>, string[]]>([
  [
    "a load-balancer address",
    ["198.51.100.1", "203.0.113.7"],
    {},
    ["LoadBalancerIP 198.51.100.1", "LoadBalancerIP 192.0.2.1", "LoadBalancerIP 203.0.113.7"],
  ],
  ["an external IP", [], { externalIPs: ["198.51.100.1"] }, ["ExternalIP 198.51.100.1", "ExternalIP 192.0.2.1"]],
  [
    "what is there already, once",
    ["198.51.100.1", "192.0.2.1"],
    {},
    ["LoadBalancerIP 198.51.100.1", "LoadBalancerIP 192.0.2.1"],
  ],
])("serves %s that reaches the node translated under both addresses", (_what, vips, spec, expected) => {
  expect(external(guardFrontends(web(80, vips, spec), guard).service)).toEqual(expected);
});

it.each([
  ["reserved port", 22, "the node needs this port on its own address"],
  ["the API server", 8443, "this is the API server's own address and port"],
])("refuses an address for its twin's sake: %s", (_what, number, why) => {
  const { service, refused } = guardFrontends(web(number, ["198.51.100.1"]), guard);
  expect(external(service)).toEqual([]);
  expect(refused).toEqual([
    {
      service: "ns/web",
      protocol: "TCP",
      frontend: { kind: "LoadBalancerIP", address: "198.51.100.1", port: number },
      why,
    },
  ]);
});

it("leaves the port of a Service's own health checks to them", () => {
  const spec = { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 8080 };
  const { service, refused } = guardFrontends(web(8080, ["192.0.2.1", "203.0.113.7"], spec), guard);
  expect(external(service)).toEqual(["LoadBalancerIP 203.0.113.7"]);
  expect(refused.map(({ why }) => why)).toEqual(["the node answers health checks of the Service there"]);
});

const tcp = (address: string | undefined, number = 80): WaitingSocket => ({ protocol: "TCP", address, port: number });

it.each<[string, WaitingSocket, string, boolean]>([
  ["on all addresses", tcp(undefined), "192.0.2.1", true],
  ["on that address", tcp("192.0.2.1"), "192.0.2.1", true],
  ["on the address behind the translated one", tcp("192.0.2.1"), "198.51.100.1", true],
  ["on another address", tcp("127.0.0.1"), "192.0.2.1", false],
  ["on another port", tcp(undefined, 81), "192.0.2.1", false],
  ["over another protocol", { ...tcp(undefined), protocol: "UDP" }, "192.0.2.1", false],
  ["on all addresses, of which the load balancer's is none", tcp(undefined), "203.0.113.7", false],
])("minds a local process %s", (_what, socket, address, refused) => {
  const { service } = guardFrontends(web(80, [address]), guard);
  const why = refused ? ["a process of the node listens on this port"] : [];
  const screened = screenFrontends(service, socketObjection([socket], guard));
  expect([...new Set(screened.refused.map((one) => one.why))]).toEqual(why);
  expect(external(screened.service).length === 0).toBe(refused);
});

it("does not mind processes where the API server decides", () => {
  const { service } = guardFrontends(web(80, [], { ports: [port("http", 80, { nodePort: 80 })] }), guard);
  expect(screenFrontends(service, socketObjection([tcp(undefined)], guard)).refused).toEqual([]);
});
