import { expect, it } from "vitest";
import { node, slice } from "../model/testing/objects.ts";
import { explain, formatTree } from "./index.ts";
import { goodWorld } from "./testing/world.ts";
import { no, yes } from "./tree.ts";

it("draws the way to a Service with a mark of one width before each part", () => {
  const half = slice(
    "web-1",
    [{ name: "http", port: 8080 }],
    [
      { ip: "10.0.0.1", node: "a", ready: false },
      { ip: "10.0.0.2", node: "b" },
    ],
  );
  const world = {
    ...goodWorld(),
    slices: [half],
    nodes: [node("a")],
    leases: { unread: "leases may not be read; ask" },
  };
  expect(
    formatTree(explain(world, "ns/web")),
  ).toBe(`?    Service ns/web: nodes 0 of 1 serve, 1 unknown: node a: agent: leases may not be read; ask  [type LoadBalancer; cluster IPs 10.96.0.7; created 2026-01-01T11:00:00.000Z]
yes  ├─ class berth.dev/proxy  [provider proxy; by flags of the controller]
yes  ├─ load balancer 203.0.113.7
yes  │  ├─ condition Accepted  [status True; reason Accepted; since 2026-01-01T11:59:00.000Z]
yes  │  ├─ condition Programmed  [status True; reason Programmed; since 2026-01-01T11:59:00.000Z]
yes  │  ├─ condition Ready  [status True; reason Ready; since 2026-01-01T11:59:00.000Z]
yes  │  └─ address 203.0.113.7  [mode VIP]
yes  │     └─ answered by nodes
yes  ├─ port http 80/TCP IPv4  [endpoints 1 of 2 ready]
?    ├─ nodes 0 of 1 serve, 1 unknown: node a: agent: leases may not be read; ask
?    │  └─ node a: agent: leases may not be read; ask  [addresses 192.168.0.2; zone zone-a]
yes  │     ├─ target of load balancers
?    │     ├─ agent: leases may not be read; ask
yes  │     └─ port http 80/TCP IPv4  [from outside 1 of 2; from pods 1 of 2]
NO   │        ├─ endpoint 10.0.0.1:8080: it is not ready; see the pod's readiness probe and its readiness gates  [node a]
yes  │        └─ endpoint 10.0.0.2:8080  [node b]
?    └─ not read leases: leases may not be read; ask
`);
});

it("names those that do not serve where it cannot name all", () => {
  const endpoints = Array.from({ length: 30 }, (_, i) => yes("endpoint", `e${i}`));
  const tree = yes("port", "80", { children: [...endpoints, no("endpoint", "bad", "not\nready; wait")] });
  const lines = formatTree(tree).split("\n");
  expect(lines.slice(0, 3)).toEqual(["yes  port 80", "NO   ├─ endpoint bad: not ready; wait", "yes  ├─ endpoint e0"]);
  expect(lines.slice(-2)).toEqual(["     └─ and 11 more of endpoint (11 yes); -o json has all", ""]);
});

it("keeps the tree of a large cluster within bounds", () => {
  const names = Array.from({ length: 300 }, (_, i) => `node${i}`);
  const endpoints = names.map((name, i) => ({ ip: `10.0.${i >> 8}.${i & 255}`, node: name, ready: i !== 299 }));
  const world = {
    ...goodWorld(),
    nodes: names.map((name) => node(name)),
    leases: [],
    slices: [slice("web-1", [{ name: "http", port: 8080 }], endpoints)],
  };
  const [first] = explain(world, "ns/web").children.at(-1)?.children ?? [];
  const port = first?.children.at(-1);
  expect(port?.children.length).toBe(100);
  expect(port?.children[0]).toMatchObject({ name: "10.0.1.43:8080", verdict: "no" });
  expect(port?.facts).toEqual({
    "from outside": "299 of 300",
    "from pods": "299 of 300",
    "not shown": "200 endpoints",
  });
});
