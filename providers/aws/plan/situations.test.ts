import { expect, it } from "vitest";
import { type Case, casesText, http, https, nodes, wish } from "../testing/cases.ts";
import type { Wish } from "../testing/drive.ts";
import { instanceId, node, port } from "../testing/values.ts";
import { nodeGroup, type World } from "../testing/world.ts";

const tls = { "ssl-cert": "arn:aws:acm:eu-west-1:123456789012:certificate/a" };
const plain = wish();
const twoPorts = wish({}, { ports: [http, https] });
const gone: Wish = { lb: null, nodes };

function instance(number: number, state: string, group: string = nodeGroup): (world: World) => void {
  return ({ instances }) => void instances.set(instanceId(number), { state, zone: "a", groups: [group] });
}

function network(
  changes: (subnets: World["network"]["subnets"]) => World["network"]["subnets"],
): (world: World) => void {
  return (world) => (world.network = { ...world.network, subnets: changes(world.network.subnets) });
}

const many = Array.from({ length: 250 }, (_, i) => node(i + 1));

const cases: readonly Case[] = [
  { name: "a node comes", from: plain, to: wish({}, {}, [...nodes, node(3)]) },
  { name: "a node goes", from: plain, to: wish({}, {}, [node(2)]) },
  { name: "all nodes are others", from: plain, to: wish({}, {}, [node(3), node(4)]) },
  { name: "all nodes go", from: plain, to: wish({}, {}, []) },
  {
    name: "250 nodes come, to two ports",
    from: twoPorts,
    to: wish({}, { ports: [http, https] }, many),
  },
  { name: "250 nodes go", from: wish({}, {}, many), to: plain },
  {
    name: "more nodes than AWS takes",
    from: plain,
    to: wish(
      {},
      {},
      Array.from({ length: 1100 }, (_, i) => node(i + 1)),
    ),
  },
  {
    name: "more than it takes across zones",
    from: undefined,
    to: wish(
      { "cross-zone-load-balancing-enabled": "true" },
      { ports: Array.from({ length: 10 }, (_, i) => port("TCP", i + 1, 30_001 + i)) },
      many.slice(0, 60),
    ),
  },
  {
    name: "more than it takes in one zone",
    from: undefined,
    to: wish({}, { ports: Array.from({ length: 10 }, (_, i) => port("TCP", i + 1, 30_001 + i)) }, [
      ...many.slice(0, 6),
      ...many.slice(6, 200).map((one) => ({ ...one, zone: "eu-west-1a" })),
    ]),
  },
  {
    name: "more than it takes for one load balancer",
    from: undefined,
    to: wish(
      {},
      { ports: Array.from({ length: 30 }, (_, i) => port("TCP", i + 1, 30_001 + i)) },
      many.map((one, i) => ({ ...one, zone: `zone-${i % 16}` })),
    ),
  },
  { name: "a node is stopped", from: plain, change: instance(3, "stopped"), to: wish({}, {}, [...nodes, node(3)]) },
  {
    name: "a node is about to run",
    from: plain,
    change: instance(3, "pending"),
    to: wish({}, {}, [...nodes, node(3)]),
  },
  {
    name: "a node is not in the VPC",
    from: plain,
    change: ({ instances }) => void instances.delete(instanceId(3)),
    to: wish({}, {}, [...nodes, node(3)]),
  },
  { name: "a node has no providerID", from: plain, to: wish({}, {}, [...nodes, { name: "n9", addresses: [] }]) },
  {
    name: "a node is of another cloud",
    from: plain,
    to: wish({}, {}, [...nodes, { name: "n9", addresses: [], providerId: "gce://p/z/n9" }]),
  },
  {
    name: "a node has another security group",
    from: plain,
    change: instance(3, "running", "sg-users"),
    to: wish({}, {}, [...nodes, node(3)]),
  },
  { name: "nothing changes", from: plain, to: plain },
  { name: "the end", from: twoPorts, to: gone },
  { name: "the end of one with TLS and given groups", from: wish({ ...tls, "security-groups": "web" }), to: gone },
  { name: "the end of nothing", from: undefined, to: gone },
  {
    name: "the end of one that is protected",
    from: wish({ attributes: "deletion_protection.enabled=true" }),
    to: gone,
  },
  {
    name: "the end after the load balancer went by hand",
    from: plain,
    change: (world) => void world.loadBalancers.splice(0),
    to: gone,
  },
  {
    name: "the end beside somebody else's",
    from: plain,
    change: ({ targetGroups }) => (targetGroups[0]!.tags = {}),
    to: { ...gone, nodes: [] },
  },
  { name: "no subnet at all", from: undefined, change: network(() => []), to: plain },
  {
    name: "no subnet with a tag",
    from: undefined,
    change: network((all) => all.map((one) => ({ ...one, tags: {} }))),
    to: plain,
  },
  {
    name: "no subnet with room",
    from: undefined,
    change: network((all) => all.map((one) => ({ ...one, freeAddresses: 7 }))),
    to: plain,
  },
  {
    name: "no subnet with IPv6",
    from: undefined,
    change: network((all) => all.map((one) => ({ ...one, hasIpv6: false }))),
    to: wish({ "ip-address-type": "dualstack" }),
  },
  {
    name: "several subnets in a zone, one of a cluster",
    from: undefined,
    change: network((all) =>
      all.flatMap((one) => [
        one,
        { ...one, id: `${one.id}0`, tags: { ...one.tags, "kubernetes.io/cluster/demo": "shared" } },
      ]),
    ),
    to: plain,
  },
  {
    name: "subnets in a local zone too",
    from: undefined,
    change: network((all) => all.map((one) => (one.zone === "eu-west-1b" ? { ...one, locale: "local-zone" } : one))),
    to: plain,
  },
  { name: "a subnet of another VPC", from: undefined, to: wish({ subnets: "subnet-9" }) },
  { name: "two subnets of a zone", from: undefined, to: wish({ subnets: "subnet-internal-a,subnet-public-a" }) },
  {
    name: "a subnet by a name that two have",
    from: undefined,
    change: network((all) => all.map((one) => ({ ...one, tags: { Name: "x" } }))),
    to: wish({ subnets: "x" }),
  },
  {
    name: "a subnet by its name",
    from: undefined,
    change: network((all) => all.map((one) => ({ ...one, tags: { Name: one.zone + String(one.isPublic) } }))),
    to: wish({ subnets: "eu-west-1atrue" }),
  },
  {
    name: "a subnet without IPv6",
    from: undefined,
    change: network((all) => all.map((one) => ({ ...one, hasIpv6: false }))),
    to: wish({ subnets: "subnet-internal-a", "ip-address-type": "dualstack" }),
  },
  {
    name: "more addresses than subnets",
    from: undefined,
    to: wish({ scheme: "internet-facing", "eip-allocations": "eipalloc-11111111" }),
  },
  {
    name: "an elastic address that something has",
    from: undefined,
    change: (world) =>
      (world.network = { ...world.network, addresses: [{ id: "eipalloc-33333333", usedBy: "eni-1" }] }),
    to: wish({ scheme: "internet-facing", subnets: "subnet-public-a", "eip-allocations": "eipalloc-33333333" }),
  },
  {
    name: "an elastic address that nobody knows",
    from: undefined,
    to: wish({ scheme: "internet-facing", subnets: "subnet-public-a", "eip-allocations": "eipalloc-99999999" }),
  },
  {
    name: "private addresses in another order than subnets",
    from: undefined,
    to: wish({ subnets: "subnet-internal-a,subnet-internal-b", "private-ipv4-addresses": "10.0.1.9,10.0.0.9" }),
  },
  {
    name: "a private address outside the subnet",
    from: undefined,
    to: wish({ subnets: "subnet-internal-a", "private-ipv4-addresses": "10.0.1.9" }),
  },
  {
    name: "addresses of both families",
    from: undefined,
    to: wish({
      "ip-address-type": "dualstack",
      subnets: "subnet-internal-a",
      "private-ipv4-addresses": "10.0.0.9",
      "ipv6-addresses": "2001:db8::9",
    }),
  },
  { name: "a security group that is none", from: undefined, to: wish({ "security-groups": "sg-9" }) },
  {
    name: "a security group that two are called",
    from: undefined,
    change: ({ groups }) => void groups.push({ ...groups[1]!, id: "sg-users2" }),
    to: wish({ "security-groups": "web" }),
  },
  {
    name: "another scheme under the same name",
    from: wish({ name: "mine" }),
    to: wish({ name: "mine", scheme: "internet-facing" }),
  },
  {
    name: "no groups under the same name",
    from: wish({ name: "mine" }),
    to: wish({ name: "mine", "disable-nlb-sg": "true" }),
  },
  {
    name: "50 ports become 50 others",
    from: wish({}, { ports: Array.from({ length: 50 }, (_, i) => port("TCP", i + 1, 30_001 + i)) }, []),
    to: wish({}, { ports: [port("TCP", 99, 30_099)] }, []),
  },
  {
    name: "another protocol of the health check while nobody is healthy",
    from: plain,
    change: (world) => ((world.healthy = false), world.settle()),
    to: wish({ "healthcheck-protocol": "tcp" }),
  },
];

it("plans for nodes, places, names and ends", async () => {
  await expect(await casesText(cases)).toMatchFileSnapshot("testdata/situations.txt");
});
