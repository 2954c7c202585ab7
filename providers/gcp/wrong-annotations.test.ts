import { expect, it } from "vitest";
import { type Key, optionsOf } from "./schema.ts";
import { desiredLb, ip, udp } from "./testing/values.ts";

type Changes = NonNullable<Parameters<typeof desiredLb>[0]>;

interface Row {
  /** None of them can be read. */
  readonly values: readonly string[];
  /** Right in itself, and of no use, or in the way of something else. */
  readonly useless?: readonly (readonly [string, Changes])[];
}

const booleans = ["", "True", "yes", "1", " true"];
const names = ["", "Web", "1a", "-a", "a-", "a_b", "a b", "a/b", "a".repeat(64), "projects/p/regions/r/subnetworks/s"];
const internal = { scheme: "internal" } as const;
const external = { scheme: "internet-facing" } as const;
const local = { externalTrafficPolicy: "Local" } as const;
const dual = { families: ["IPv4", "IPv6"] } as const;
const byNumber = { requestedAddresses: [ip("203.0.113.7")] };

const types: Row = {
  values: ["", "Intern", "INTERNAL", "external"],
  useless: [
    ["Internal", external],
    ["External", internal],
  ],
};
const tiers: Row = {
  values: ["", "premium", "PREMIUM", "Gold", "toString", "__proto__"],
  useless: [
    ["Premium", internal],
    ["Standard", internal],
    ["Standard", dual],
  ],
};
const subnets: Row = { values: [...names, "a,b"], useless: [["lbs", external]] };
const access: Row = { values: booleans, useless: [["true", external]] };
const addresses: Row = { values: [...names, "a,b,c", "a,", ",", "203.0.113.7"], useless: [["web", byNumber]] };

/** Whoever reads an annotation more adds its row: without one this does not compile. */
const rows: Readonly<Record<Key, Row>> = {
  "networking.gke.io/load-balancer-type": types,
  "cloud.google.com/load-balancer-type": types,
  "berth.dev/network-tier": tiers,
  "cloud.google.com/network-tier": tiers,
  "berth.dev/subnet": subnets,
  "networking.gke.io/load-balancer-subnet": subnets,
  "networking.gke.io/internal-load-balancer-subnet": subnets,
  "berth.dev/global-access": access,
  "networking.gke.io/internal-load-balancer-allow-global-access": access,
  "berth.dev/address-names": addresses,
  "networking.gke.io/load-balancer-ip-addresses": addresses,
  "berth.dev/weighted-nodes": { values: booleans, useless: [["true", {}]] },
  "networking.gke.io/weighted-load-balancing": {
    values: ["", "true", "pods", "Pods-Per-Node"],
    useless: [["pods-per-node", {}]],
  },
  "berth.dev/drain-seconds": { values: ["", "-1", "3601", "1.5", "1e3", "30s", "0x10", "9".repeat(400)] },
  "networking.gke.io/l4-strong-session-affinity": { values: [], useless: [["enabled", local]] },
  "networking.gke.io/ip-collection-v6": { values: [], useless: [["x", {}]] },
  "networking.gke.io/l4lb-config": { values: [], useless: [["x", { ports: [udp(53)] }]] },
};

const cases = Object.entries(rows).flatMap(([key, { values, useless = [] }]) => [
  ...values.map((value) => ({ key, value, changes: {}, isWrong: true })),
  ...useless.map(([value, changes]) => ({ key, value, changes, isWrong: false })),
]);

it.each(cases)("$key: $value is told of, by its key, with what to do", ({ key, value, changes, isWrong }) => {
  const { issues, ...options } = optionsOf(desiredLb({ annotations: { [key]: value }, ...changes }));
  expect(issues.map(({ path }) => path)).toEqual([`metadata.annotations[${key}]`]);
  expect(issues[0]?.message).toMatch(/; (?:give|remove|set) |; remove|which counts/);
  if (!isWrong) return;
  expect(issues[0]).toMatchObject({ severity: "refuse", reason: "InvalidAnnotation" });
  expect(issues[0]?.message).toContain(
    JSON.stringify(
      key.includes("names") || key.includes("addresses") || key.includes("subnet") ? wrongPart(value) : value,
    ),
  );
  const { issues: _, ...defaults } = optionsOf(desiredLb());
  expect(options).toEqual(defaults);
});

/** Of a list that which is wrong. */
function wrongPart(value: string): string {
  const parts = value.split(",").map((part) => part.trim());
  return parts.find((part) => !/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(part)) ?? value;
}

it("tells all that is wrong in one go", async () => {
  const lines = cases.map(({ key, value, changes }) => {
    const { issues } = optionsOf(desiredLb({ annotations: { [key]: value }, ...changes }));
    const told = issues.map(({ severity, reason, message }) => `  ${severity} ${reason}: ${message}`);
    return [`${key}: ${JSON.stringify(value)}`, ...told].join("\n");
  });
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("testdata/wrong-annotations.txt");
});
