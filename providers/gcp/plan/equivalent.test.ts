import { expect, it } from "vitest";
import { networkLink } from "../links.ts";
import type { Firewall } from "../resources.ts";
import { settings } from "../testing/values.ts";
import { isCovered } from "./equivalent.ts";

const wanted: Firewall = {
  kind: "firewall",
  name: "ours",
  description: "",
  network: networkLink(settings),
  direction: "INGRESS",
  priority: 999,
  disabled: false,
  sourceRanges: ["192.0.2.0/24", "198.51.100.0/24"],
  destinationRanges: ["34.1.1.1"],
  targetTags: ["berth-node"],
  allowed: [
    { IPProtocol: "tcp", ports: ["80", "443-445"] },
    { IPProtocol: "udp", ports: ["53"] },
  ],
  denied: [],
};
const deny = { ...wanted, priority: 1000, sourceRanges: ["0.0.0.0/0"], allowed: [], denied: [{ IPProtocol: "all" }] };
const tcp = [{ IPProtocol: "tcp" }] as const;

it.each<[string, Partial<Firewall>]>([
  ["the same", {}],
  ["wider sources", { sourceRanges: ["0.0.0.0/0"] }],
  ["any destination", { destinationRanges: [] }],
  ["a wider destination", { destinationRanges: ["34.1.0.0/16"] }],
  ["its destination as a prefix", { destinationRanges: ["34.1.1.1/32"] }],
  ["more tags", { targetTags: ["others", "berth-node"] }],
  ["all machines", { targetTags: [] }],
  ["everything", { allowed: [{ IPProtocol: "all" }] }],
  [
    "numbers of protocols",
    { allowed: [{ IPProtocol: "6" as "tcp" }, { IPProtocol: "17" as "udp", ports: ["1-1024"] }] },
  ],
  ["a higher rank", { priority: 1 }],
  ["other words for the network", { network: "projects/shop/global/networks/default" }],
])("takes a rule with %s for one of ours", (_, changes) => {
  expect(isCovered(wanted, [{ ...wanted, name: "theirs", ...changes }])).toBe(true);
});

it.each<[string, Partial<Firewall>]>([
  ["narrower sources", { sourceRanges: ["192.0.2.0/25", "198.51.100.0/24"] }],
  ["one source of two", { sourceRanges: ["192.0.2.0/24"] }],
  ["no source by address", { sourceRanges: [], sourceTags: ["clients"] }],
  ["another destination", { destinationRanges: ["34.1.1.2"] }],
  ["another family's destination", { destinationRanges: ["2600::/96"] }],
  ["other tags", { targetTags: ["others"] }],
  ["service accounts", { targetTags: [], targetServiceAccounts: ["a@b"] }],
  ["fewer ports", { allowed: [{ IPProtocol: "tcp", ports: ["80", "443"] }, { IPProtocol: "udp" }] }],
  ["another protocol", { allowed: tcp }],
  ["a lower rank, after what keeps others out", { priority: 1000 }],
  ["another network", { network: "projects/shop/global/networks/other" }],
  ["the other direction", { direction: "EGRESS" as "INGRESS" }],
  ["itself switched off", { disabled: true }],
  ["the contrary", { allowed: [], denied: [{ IPProtocol: "all" }] }],
])("does not take a rule with %s for one of ours", (_, changes) => {
  expect(isCovered(wanted, [{ ...wanted, name: "theirs", ...changes }])).toBe(false);
});

it("takes rules together that do it together", () => {
  const parts = [
    { ...wanted, allowed: tcp },
    { ...wanted, allowed: [{ IPProtocol: "udp" }], sourceRanges: ["192.0.2.0/24"] },
    { ...wanted, allowed: [{ IPProtocol: "udp" }], sourceRanges: ["198.51.100.0/24"] },
  ] as const;
  expect(isCovered(wanted, parts)).toBe(true);
  expect(isCovered(wanted, parts.slice(1))).toBe(false);
});

it.each([
  [1000, true],
  [900, false],
  [1001, false],
])("takes a rule of rank %i that keeps all others out for ours: %s", (priority, expected) => {
  expect(isCovered(deny as Firewall, [{ ...(deny as Firewall), priority }])).toBe(expected);
});

it("is for tags where ours is for all machines: no", () => {
  expect(isCovered({ ...wanted, targetTags: [] }, [wanted])).toBe(false);
});
