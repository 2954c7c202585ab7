import fc from "fast-check";
import { expect, it } from "vitest";
import type { LbIdentity } from "../../src/model/index.ts";
import { addressName, baseName, firewallName, ruleName, sharedBaseName } from "./names.ts";

const label = fc.stringMatching(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
const identity = fc.record({ clusterId: fc.string(), uid: fc.uuid(), namespace: label, name: label });
const families = ["IPv4", "IPv6"] as const;

function namesOf(id: LbIdentity): readonly string[] {
  const base = baseName(id);
  return [
    base,
    ...families.flatMap((family) => [
      ...(["TCP", "UDP", "L3_DEFAULT"] as const).map((protocol) => ruleName(base, protocol, family)),
      ...(["allow", "deny", "health"] as const).map((use) => firewallName(base, use, family)),
      addressName(base, family, ["EXTERNAL", "PREMIUM"]),
      addressName(base, family, ["EXTERNAL", "STANDARD"]),
    ]),
  ];
}

it("calls everything as Google wants it, each differently", () => {
  fc.assert(
    fc.property(identity, (id) => {
      const names = [...namesOf(id), sharedBaseName(id.clusterId), firewallName(sharedBaseName("c"), "health", "IPv6")];
      for (const name of names) expect(name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
      expect(new Set(names).size).toBe(names.length);
    }),
  );
});

it.each<[string, Partial<LbIdentity>]>([
  ["another cluster", { clusterId: "other" }],
  ["a Service that was made again", { uid: "other" }],
  ["a namespace that differs where it is cut", { namespace: `${"n".repeat(62)}x` }],
  ["a name that differs where it is cut", { name: `${"s".repeat(62)}x` }],
])("has other names for %s", (_, change) => {
  const id = { clusterId: "c", uid: "u", namespace: "n".repeat(63), name: "s".repeat(63) };
  expect(namesOf(id).filter((name) => namesOf({ ...id, ...change }).includes(name))).toEqual([]);
});

it("shows namespace and name to people", () => {
  expect(baseName({ clusterId: "c", uid: "u", namespace: "shop", name: "web" })).toMatch(
    /^berth-shop-web-[0-9a-f]{10}$/,
  );
  const long = baseName({ clusterId: "c", uid: "u", namespace: "n".repeat(40), name: "s".repeat(40) });
  expect(long).toMatch(/^berth-n{14}-s{15}-[0-9a-f]{10}$/);
});
