import { afterAll, beforeAll, expect, it } from "vitest";
import { ownerTags } from "../../providers/aws/identity.ts";
import type { Found } from "../../providers/aws/reading/index.ts";
import { Operator } from "../../providers/aws/testing/operator.ts";
import { numbered } from "../../providers/aws/testing/wishes.ts";
import { Moto } from "./testing/moto.ts";

const count = 1000;
/** What moto puts on a page of its tagging API, and how many the adapter asks to be described at once. */
const [pageSize, batchSize] = [50, 20];
const all = Array.from({ length: count }, (_, i) => numbered(i));
const { signal } = new AbortController();

let moto: Moto;

// Each Service has its load balancer alone: moto takes minutes to list a thousand target groups.
beforeAll(async () => {
  moto = await Moto.start();
  for (const [i, { id }] of all.entries()) await moto.loadBalancer(`lb-${i}`, ownerTags(id));
}, 600_000);
afterAll(() => moto?.[Symbol.asyncDispose]());

/** The UIDs of the Services that own something. */
async function owners(): Promise<readonly string[]> {
  const owned = await Array.fromAsync((await moto.adapter({})).listOwned("cluster-1", signal));
  return [...new Set(owned.flatMap(({ scope }) => (scope.kind === "shared" ? [] : [scope.id.uid])))];
}

function asked(name: string, from: number): number {
  return moto.asked.slice(from).filter((text) => text === `${name} ok`).length;
}

it("a check of 1,000 Services reads page after page to the last, and describes 20 of them at once", async () => {
  const before = moto.asked.length;
  const { loadBalancers, tags } = (await (await moto.adapter({})).snapshot([], signal)) as Found;
  const uids = all.map(({ id }) => id.uid);
  const found = loadBalancers.map(({ LoadBalancerArn: arn = "" }) => tags.get(arn)?.["berth.dev/service-uid"] ?? "");
  expect(found.toSorted()).toEqual(uids.toSorted());
  expect(asked("GetResources", before)).toBeGreaterThanOrEqual(count / pageSize);
  expect(asked("DescribeLoadBalancers", before)).toBe(count / batchSize);
});

it("a controller that knows of none of them finds all, and takes away those of the last page", async () => {
  const before = await owners();
  expect(before).toHaveLength(count);
  const operator = await Operator.start(moto);
  const last = new Set(before.slice(-pageSize));
  for (const lb of all.filter(({ id }) => last.has(id.uid))) operator.letGo(lb);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(await owners()).toEqual(before.slice(0, -pageSize));
});
