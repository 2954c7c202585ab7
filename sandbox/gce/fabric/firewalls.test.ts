import { expect, it } from "vitest";
import type { Body } from "../body.ts";
import { World } from "../world.ts";
import { letsIn } from "./firewalls.ts";

const probe = { from: "35.191.0.1", to: "34.100.0.1", port: 10_256 };
const health: Body = {
  priority: 999,
  sourceRanges: ["130.211.0.0/22", "35.191.0.0/16"],
  allowed: [{ IPProtocol: "tcp", ports: ["80", "10200-10300"] }],
};
const deny: Body = { priority: 1000, destinationRanges: ["34.100.0.1"], denied: [{ IPProtocol: "all" }] };
const all: Body = { allowed: [{ IPProtocol: "all" }] };

it.each<[string, readonly Body[], boolean]>([
  ["without a rule", [], false],
  ["by a rule for them", [health], true],
  ["by a rule for everybody", [all], true],
  ["by a rule that comes before one that keeps all out", [deny, health], true],
  ["by a rule that comes after one", [deny, { ...health, priority: 1001 }], false],
  ["by a rule beside one that denies", [deny, { ...health, priority: 1000 }], false],
  ["by a rule for others", [{ ...health, sourceRanges: ["10.0.0.0/8"] }], false],
  ["by a rule for another address", [{ ...health, destinationRanges: ["34.100.0.2", "2600:1901::1"] }], false],
  ["by a rule for another port", [{ ...health, allowed: [{ IPProtocol: "tcp", ports: ["10255"] }] }], false],
  ["by a rule for another protocol", [{ ...health, allowed: [{ IPProtocol: "udp" }] }], false],
  ["by a rule that is off", [{ ...health, disabled: true }], false],
  ["by a rule for what goes out", [{ ...health, direction: "EGRESS" }], false],
  ["by a rule for machines with a tag", [{ ...health, targetTags: ["node"] }], false],
])("probes get in %s: %j -> %s", (_, rules, isIn) => {
  const world = new World({ project: "p", region: "r", network: "n", subnetworks: [] });
  for (const [i, rule] of rules.entries()) {
    const path = `projects/p/global/firewalls/w${i}`;
    world.put(path, world.complete(path, rule));
  }
  expect(letsIn(world, probe)).toBe(isIn);
});
