import fc from "fast-check";
import { expect, it } from "vitest";
import { type Cidr, cidrContains, cidrOverlaps, parseCidr, parseIp } from "../../src/net/index.ts";
import { maxNodes, planCluster, podAddresses, podNetns, podsPerNode } from "./address-plan.ts";

const both = ["IPv4", "IPv6"] as const;

it("names and numbers a small cluster", () => {
  expect(planCluster("0a1b2c", 2, both)).toEqual({
    id: "0a1b2c",
    families: ["IPv4", "IPv6"],
    fabric: { netns: "berth-0a1b2c-fabric", addresses: ["172.30.0.1", "fd00:30::1"] },
    client: { netns: "berth-0a1b2c-client", addresses: ["172.30.0.200", "fd00:30::200"] },
    nodes: [
      {
        name: "node1",
        netns: "berth-0a1b2c-node1",
        zone: "zone-a",
        addresses: ["172.30.0.11", "fd00:30::11"],
        podCidrs: ["10.244.1.0/24", "fd00:244:0:1::/64"],
      },
      {
        name: "node2",
        netns: "berth-0a1b2c-node2",
        zone: "zone-b",
        addresses: ["172.30.0.12", "fd00:30::12"],
        podCidrs: ["10.244.2.0/24", "fd00:244:0:2::/64"],
      },
    ],
    underlay: ["172.30.0.0/16", "fd00:30::/64"],
    clusterCidrs: ["10.244.0.0/16", "fd00:244::/48"],
    serviceCidrs: ["10.96.0.0/16", "fd00:96::/112"],
    addressPools: ["172.30.200.0/24", "fd00:30::c8:0/112"],
  });
});

it("keeps the order of the families", () => {
  const plan = planCluster("000000", 1, ["IPv6", "IPv4"]);
  expect(plan.nodes[0]!.podCidrs).toEqual(["fd00:244:0:1::/64", "10.244.1.0/24"]);
  expect(podAddresses(plan.nodes[0]!, 1)).toEqual(["fd00:244:0:1::1", "10.244.1.1"]);
});

it("gives no two places one address, and everybody one in the right prefix", () => {
  const plan = planCluster("ffffff", maxNodes, both);
  const hosts = [plan.fabric, plan.client, ...plan.nodes].flatMap(({ addresses }) => addresses);
  const pods = plan.nodes.flatMap((node) =>
    [1, 9, 10, 200, podsPerNode].flatMap((number) => podAddresses(node, number)),
  );
  expect(new Set([...hosts, ...pods]).size).toBe(hosts.length + pods.length);
  const cidrs = (texts: readonly string[]): Cidr[] => texts.map((text) => parseCidr(text)!);
  const inside = (texts: readonly string[], address: string): boolean =>
    cidrs(texts).some((cidr) => cidrContains(cidr, parseIp(address)!));
  expect(hosts.filter((address) => !inside(plan.underlay, address))).toEqual([]);
  expect(hosts.filter((address) => inside(plan.addressPools, address))).toEqual([]);
  expect(pods.filter((address) => !inside(plan.clusterCidrs, address))).toEqual([]);
  const apart = [...cidrs(plan.underlay), ...cidrs(plan.clusterCidrs), ...cidrs(plan.serviceCidrs)];
  for (const [i, a] of apart.entries()) for (const b of apart.slice(i + 1)) expect(cidrOverlaps(a, b)).toBe(false);
});

it("gives every pod a namespace of its own", () => {
  const name = fc.stringMatching(/^[a-z]([-a-z]{0,4}[a-z])?$/);
  fc.assert(
    fc.property(name, name, name, name, (a, b, c, d) => {
      const same = podNetns("0", { namespace: a, name: b }) === podNetns("0", { namespace: c, name: d });
      expect(same).toBe(a === c && b === d);
    }),
  );
});
