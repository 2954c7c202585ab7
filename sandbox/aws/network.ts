// What EC2 tells of a VPC, where nobody changes anything.
import type * as ec2 from "@aws-sdk/client-ec2";
import { type Call, type Given, type Handler, page } from "./call.ts";
import { AwsError } from "./protocol/index.ts";
import { type Tags, vpcId } from "./state.ts";
import { tagList } from "./tags.ts";

const cidrs = [{ CidrBlock: "10.0.0.0/16", CidrBlockState: { State: "associated" } }];
const ipv6Cidrs = [{ Ipv6CidrBlock: "2001:db8::/64", Ipv6CidrBlockState: { State: "associated" } }];

export const networkHandlers: Readonly<Record<string, Handler>> = {
  DescribeVpcs: () => ({ Vpcs: [{ VpcId: vpcId, CidrBlockAssociationSet: cidrs }] }),
  DescribeAddresses: ({ state }) => ({
    Addresses: [
      ...[...state.allocations].map((AllocationId) => ({ AllocationId })),
      ...[...state.takenAllocations].map(([AllocationId, NetworkInterfaceId]) => ({
        AllocationId,
        AssociationId: `eipassoc-${NetworkInterfaceId}`,
        NetworkInterfaceId,
      })),
    ],
  }),
  DescribeSubnets: ({ state }) => ({
    Subnets: [...state.subnets.values()].map(({ id, zone, freeAddresses, tags }) => ({
      SubnetId: id,
      VpcId: vpcId,
      CidrBlock: "10.0.0.0/16",
      AvailabilityZone: zone,
      AvailableIpAddressCount: freeAddresses,
      Ipv6CidrBlockAssociationSet: ipv6Cidrs,
      Tags: tagList(tags),
    })),
  }),
  DescribeRouteTables({ state }) {
    const open = [...state.subnets.values()].filter(({ isPublic }) => isPublic);
    const [local, gateway] = [{ GatewayId: "local" }, { GatewayId: "igw-1" }];
    const main = { RouteTableId: "rtb-1", Routes: [local], Associations: [{ Main: true }] };
    const Associations = open.map(({ id }) => ({ Main: false, SubnetId: id }));
    return { RouteTables: [main, { RouteTableId: "rtb-2", Routes: [local, gateway], Associations }] };
  },
  DescribeAvailabilityZones({ state }) {
    const names = new Set([...state.subnets.values()].map(({ zone }) => zone));
    return { AvailabilityZones: [...names].map((ZoneName) => ({ ZoneName, ZoneType: "availability-zone" })) };
  },
  DescribeInstances(call, input: Given<ec2.DescribeInstancesRequest>) {
    const facts = ({ vpcId: vpc }: { readonly vpcId: string }): Facts => ({ "vpc-id": vpc });
    const [items, NextToken] = filtered(call, [...call.state.instances.values()], input, facts);
    const Reservations = items.map(({ id, state: Name, zone, groups }) => {
      const second = { Attachment: { DeviceIndex: 1 }, Groups: [{ GroupId: "sg-second" }] };
      const first = { Attachment: { DeviceIndex: 0 }, Groups: groups.map((GroupId) => ({ GroupId })) };
      const Placement = { AvailabilityZone: zone };
      return { Instances: [{ InstanceId: id, State: { Name }, Placement, NetworkInterfaces: [second, first] }] };
    });
    return { Reservations, NextToken };
  },
};

export type Facts = Readonly<Record<string, string>>;
type Filters = Pick<Given<ec2.DescribeInstancesRequest>, "Filters" | "MaxResults" | "NextToken">;

/** A page of what all filters of a request let through. */
export function filtered<T extends object>(
  call: Call,
  items: readonly T[],
  { Filters = [], MaxResults, NextToken }: Filters,
  factsOf: (item: T) => Facts,
): ReturnType<typeof page<T>> {
  const valueOf = (item: T & { readonly tags?: Tags }, name: string): string | undefined => {
    if (name.startsWith("tag:")) return item.tags?.get(name.slice(4));
    const value = factsOf(item)[name];
    if (value === undefined) throw new AwsError("InvalidParameterValue", `The filter '${name}' is invalid`);
    return value;
  };
  const found = items.filter((item) =>
    Filters.every(({ Name = "", Values = [] }) => {
      const value = valueOf(item, Name);
      return value !== undefined && Values.some((one) => one === "*" || one === value);
    }),
  );
  return page(call, found, MaxResults, NextToken);
}
