import { describe, expect, it } from "vitest";
import { port } from "../../model/testing/objects.ts";
import { cluster, serve } from "../testing/scenario.ts";

const all = (...ends: number[]): string => ends.map((n) => `10.0.1.${n}:80`).join(", ");

// This node is node-a in zone-a.
describe.each<[string, string[], string]>([
  ["hints for this zone", ["10.0.1.1 zone-a", "10.0.1.2 zone-b", "10.0.1.3 zone-a zone-b"], all(1, 3)],
  ["one without a hint", ["10.0.1.1 zone-a", "10.0.1.2 zone-b", "10.0.1.3"], all(1, 2, 3)],
  ["no hint for this zone", ["10.0.1.1 zone-b", "10.0.1.2 zone-c"], all(1, 2)],
  ["the one for this zone is not ready", ["10.0.1.1 zone-a starting", "10.0.1.2 zone-b"], all(2)],
  ["one that is not ready needs no hint", ["10.0.1.1 zone-a", "10.0.1.2 zone-b", "10.0.1.3 starting"], all(1)],
  ["hints for this node", ["10.0.1.1 node-a", "10.0.1.2 node-b"], all(1)],
  ["hints for this node before those for its zone", ["10.0.1.1 node-a zone-b", "10.0.1.2 node-b zone-a"], all(1)],
  ["no hint for this node, but for its zone", ["10.0.1.1 node-c zone-a", "10.0.1.2 node-b zone-b"], all(1)],
  ["hints for this node on some", ["10.0.1.1 node-a", "10.0.1.2"], all(1, 2)],
  ["hints are nothing to those that end", ["10.0.1.1 zone-a ending", "10.0.1.2 zone-b ending"], all(1, 2)],
])("%s", (_what, endpoints, result) => {
  const ports = [port("p80", 80, { nodePort: 3001 })];
  const spec = { type: "LoadBalancer", clusterIP: "172.30.1.1", ports };
  const send = cluster([serve("ns1/svc1", spec, endpoints, ["1.2.3.4"])]);

  it.each([
    ["pod", "172.30.1.1:80", ""],
    ["client", "1.2.3.4:80", " masqueraded"],
    ["client", "node:3001", " masqueraded"],
  ])("%s to %s", (from, to, masqueraded) => {
    expect(send(from, to)).toBe(result + masqueraded);
  });
});

it("hints are nothing to policy Local, but to those who go round it", () => {
  const endpoints = ["10.0.1.1 here zone-b", "10.0.1.2 there zone-a", "10.0.1.3 here zone-a"];
  const policies = { externalTrafficPolicy: "Local", internalTrafficPolicy: "Local" };
  const spec = { type: "LoadBalancer", clusterIP: "172.30.1.1", ports: [port("p80", 80)], ...policies };
  const send = cluster([serve("ns1/svc1", spec, endpoints, ["1.2.3.4"])]);
  expect(send("pod", "172.30.1.1:80")).toBe(all(1, 3));
  expect(send("client", "1.2.3.4:80")).toBe(all(1, 3));
  expect(send("pod", "1.2.3.4:80")).toBe(all(2, 3));
});

it.each([
  ["", all(1, 2)],
  ["zone-b", all(2)],
])("a node in zone %j", (zone, result) => {
  const send = cluster([serve("ns1/svc1", { clusterIP: "172.30.1.1" }, ["10.0.1.1 zone-a", "10.0.1.2 zone-b"])], {
    zone,
  });
  expect(send("pod", "172.30.1.1:80")).toBe(result);
});
