import type { Address, RouteTable, Subnet, Vpc } from "@aws-sdk/client-ec2";
import { ProviderError } from "../../../src/provider/index.ts";
import type { Aws } from "../aws.ts";
import type { AddressFact, NetworkFacts, SubnetFact } from "../observation.ts";
import { allPages } from "../pages.ts";
import { describeGroups } from "./groups.ts";
import { pairsOf } from "./owned.ts";

/** The VPC and what is in it. `given`: its ID; without one the region must have only one. */
export async function readNetwork(aws: Aws, given: string | undefined, signal: AbortSignal): Promise<NetworkFacts> {
  const { VpcId: vpcId = "", CidrBlockAssociationSet: cidrs = [] } = await vpcOf(aws, given, signal);
  const ofVpc = { Filters: [{ Name: "vpc-id", Values: [vpcId] }] };
  const subnets = await allPages(aws, "DescribeSubnets", ofVpc, (page) => page.Subnets, signal);
  const tables = await allPages(aws, "DescribeRouteTables", ofVpc, (page) => page.RouteTables, signal);
  const zones = (await aws.read("DescribeAvailabilityZones", { AllAvailabilityZones: true }, signal)).AvailabilityZones;
  const typeOf = new Map((zones ?? []).map(({ ZoneName, ZoneType }) => [ZoneName, ZoneType]));
  const { Addresses: addresses = [] } = await aws.read("DescribeAddresses", {}, signal);
  const groups = await describeGroups(aws, { "vpc-id": vpcId }, signal);
  return {
    vpcId,
    vpcCidrs: cidrs
      .flatMap(({ CidrBlock = "", CidrBlockState }) => (CidrBlockState?.State === "disassociated" ? [] : [CidrBlock]))
      .sort(),
    subnets: subnets
      .map((subnet) => factOf(subnet, tables, typeOf.get(subnet.AvailabilityZone)))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    addresses: addresses.map(addressOf),
    groups: groups.map(({ GroupId: id = "", GroupName: name = "", Tags }) => ({ id, name, tags: pairsOf(Tags) })),
  };
}

async function vpcOf(aws: Aws, given: string | undefined, signal: AbortSignal): Promise<Vpc> {
  const input = given === undefined ? {} : { VpcIds: [given] };
  const [vpc, ...more] = await allPages(aws, "DescribeVpcs", input, (page) => page.Vpcs, signal);
  if (vpc !== undefined && more.length === 0) return vpc;
  const remedy = "give the VPC of the nodes by --aws-nlb-vpc-id";
  const message = `${aws.region} has ${vpc === undefined ? "no VPC" : `${more.length + 1} VPCs`}`;
  throw new ProviderError({ kind: "blocked", reason: "VpcUnknown", remedy }, message);
}

function addressOf({ AllocationId: id = "", AssociationId, NetworkInterfaceId }: Address): AddressFact {
  return { id, usedBy: AssociationId === undefined ? undefined : (NetworkInterfaceId ?? AssociationId) };
}

function factOf(subnet: Subnet, tables: readonly RouteTable[], zoneType: string | undefined): SubnetFact {
  const { SubnetId: id = "", AvailabilityZone: zone = "", CidrBlock: ipv4, OutpostArn } = subnet;
  const ipv6 = (subnet.Ipv6CidrBlockAssociationSet ?? []).flatMap(({ Ipv6CidrBlock, Ipv6CidrBlockState }) =>
    Ipv6CidrBlockState?.State === "associated" && Ipv6CidrBlock !== undefined ? [Ipv6CidrBlock] : [],
  );
  return {
    id,
    cidrs: [...(ipv4 === undefined ? [] : [ipv4]), ...ipv6],
    zone,
    locale: OutpostArn === undefined ? (zoneType ?? "availability-zone") : "outpost",
    hasIpv6: ipv6.length > 0,
    freeAddresses: subnet.AvailableIpAddressCount ?? 0,
    isPublic: isPublic(id, tables),
    tags: pairsOf(subnet.Tags),
  };
}

/** By its own table of routes, else the main one of the VPC. */
function isPublic(id: string, tables: readonly RouteTable[]): boolean {
  const own = tables.find(({ Associations = [] }) => Associations.some(({ SubnetId }) => SubnetId === id));
  const main = tables.find(({ Associations = [] }) => Associations.some(({ Main }) => Main === true));
  return ((own ?? main)?.Routes ?? []).some(({ GatewayId }) => GatewayId?.startsWith("igw-") === true);
}
