import type { Aws } from "../aws.ts";
import type { InstanceFact, Instances } from "../observation.ts";
import { allPages } from "../pages.ts";

/** All of a VPC: one request for each thousand. */
export async function readInstances(aws: Aws, vpcId: string, signal: AbortSignal): Promise<Instances> {
  const input = { Filters: [{ Name: "vpc-id", Values: [vpcId] }], MaxResults: 1000 };
  const reservations = await allPages(aws, "DescribeInstances", input, (page) => page.Reservations, signal);
  const all = reservations.flatMap(({ Instances: instances = [] }) => instances);
  return new Map(
    all.map((one): [string, InstanceFact] => {
      const first = one.NetworkInterfaces?.find(({ Attachment }) => Attachment?.DeviceIndex === 0);
      const groups = (first?.Groups ?? one.SecurityGroups ?? []).flatMap(({ GroupId }) => GroupId ?? []);
      const { State: state, Placement: place } = one;
      return [one.InstanceId ?? "", { state: state?.Name ?? "", zone: place?.AvailabilityZone ?? "", groups }];
    }),
  );
}
