import { expect, it } from "vitest";
import type { World } from "./index.ts";
import { goodWorld, told, withClass } from "./testing/world.ts";

it.each<[string, World, string[]]>([
  ["all is well", goodWorld(), ["yes"]],
  ["kube-proxy in place of agents", { ...goodWorld(), leases: [] }, ["yes"]],
  [
    "no such Service",
    { ...goodWorld(), services: [] },
    ["no", "NO Service ns/web: there is no such Service; check its name and namespace"],
  ],
  [
    "only the Service may be read",
    {
      ...goodWorld(),
      slices: { unread: "S" },
      nodes: { unread: "N" },
      namespaces: { unread: "NS" },
      classes: { unread: "C" },
      records: { unread: "R" },
      leases: { unread: "L" },
      events: { unread: "E" },
    },
    [
      "unknown",
      "? port http 80/TCP IPv4: S",
      "? nodes: N",
      "? not read namespaces: NS",
      "? not read classes: C",
      "? not read records: R",
      "? not read leases: L",
      "? not read events: E",
    ],
  ],
  [
    "slices and Leases may not be read",
    { ...goodWorld(), slices: { unread: "S" }, leases: { unread: "L" } },
    ["unknown", "? port http 80/TCP IPv4: S", "? agent: L", "? endpoints: S", "? not read leases: L"],
  ],
  [
    "namespaces may not be read",
    {
      ...goodWorld(),
      ...withClass({ allowedNamespaces: { matchLabels: { team: "x" } } }),
      namespaces: { unread: "NS" },
    },
    [
      "unknown",
      "? class berth.dev/proxy: whether namespace ns may use the class cannot be told: NS",
      "? not read namespaces: NS",
    ],
  ],
])("%s", (_, world, expected) => {
  expect(told(world)).toEqual(expected);
});
