import { expect, it } from "vitest";
import type { ServiceSpec } from "../api/index.ts";
import { type ProxiedService, proxiedService } from "../model/index.ts";
import { port, type SliceEndpoint, service, slice } from "../model/testing/objects.ts";
import { describeChange } from "./change-text.ts";

function web(
  endpoints: readonly SliceEndpoint[],
  spec: Partial<ServiceSpec> = {},
  vips: string[] = [],
): ProxiedService {
  const object = service("ns/web", { clusterIP: "10.96.0.7", ports: [port("p", 80)], ...spec }, vips);
  return proxiedService(object, [slice("s", [{ name: "p", port: 8080 }], endpoints)], { name: "n", zone: "a" })!;
}
const one = { ip: "10.244.1.3" };

it.each([
  ["Service added with 1 endpoint", undefined, web([one])],
  ["Service deleted or no longer served by this node", web([one]), undefined],
  ["endpoint 10.244.1.3:8080 added", web([]), web([one])],
  ["endpoint 10.244.1.3:8080 added (ready)", web([{ ...one, ready: false }]), web([one])],
  ["endpoint 10.244.1.3:8080 removed (gone)", web([one]), web([])],
  ["endpoint 10.244.1.3:8080 removed (not ready)", web([one]), web([{ ...one, ready: false }])],
  [
    "endpoint 10.244.1.3:8080 removed (terminating)",
    web([one, { ip: "10.244.1.4" }]),
    web([{ ...one, ready: false, terminating: true }, { ip: "10.244.1.4" }]),
  ],
  [
    "endpoint 10.244.1.4:8080 removed (hinted to other nodes)",
    web([one, { ip: "10.244.1.4" }]),
    web([
      { ...one, zones: ["a"] },
      { ip: "10.244.1.4", zones: ["b"] },
    ]),
  ],
  ["load-balancer IP 203.0.113.7:80/TCP added", web([one]), web([one], {}, ["203.0.113.7"])],
  ["node port 30080/TCP removed", web([one], { ports: [port("p", 80, { nodePort: 30080 })] }), web([one])],
  [
    "session affinity none -> 10800 s, source ranges all -> 10.0.0.0/8",
    web([one]),
    web([one], { sessionAffinity: "ClientIP", loadBalancerSourceRanges: ["10.0.0.0/8"] }),
  ],
])("%s", (text, before, after) => {
  expect(describeChange(before, after)).toBe(text);
});

it("cuts long lists", () => {
  const many = Array.from({ length: 20 }, (_, i) => ({ ip: `10.244.1.${i}` }));
  expect(describeChange(web([]), web(many))).toMatch(/10\.244\.1\.16:8080 added, and 12 more$/);
});
