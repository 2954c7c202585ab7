import { afterAll, beforeAll, expect, it } from "vitest";
import { ownerTags } from "../../providers/aws/identity.ts";
import type { Found } from "../../providers/aws/reading/index.ts";
import { Operator } from "../../providers/aws/testing/operator.ts";
import { numbered } from "../../providers/aws/testing/wishes.ts";
import { Moto } from "./testing/moto.ts";

const count = 1000;
/** What moto puts on a page of its tagging API, and how many the adapter asks to be described at once. */
const [pageSize, batchSize] = [50, 20];
/** Of listeners its tagging API does not tell. */
const kinds = ["LoadBalancers", "TargetGroups"] as const;
const all = Array.from({ length: count }, (_, i) => numbered(i));
const { signal } = new AbortController();

let moto: Moto;

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

it("a check of 1,000 Services reads page after page to the last, and describes 20 of each kind at once", async () => {
  const before = moto.asked.length;
  const { loadBalancers, targetGroups, tags } = (await (await moto.adapter({})).snapshot([], signal)) as Found;
  const uids = all.map(({ id }) => id.uid).sort();
  const ownersOf = (arns: readonly (string | undefined)[]): readonly string[] =>
    arns.map((arn = "") => tags.get(arn)?.["berth.dev/service-uid"] ?? "").sort();
  expect(ownersOf(loadBalancers.map(({ LoadBalancerArn: arn }) => arn))).toEqual(uids);
  expect(ownersOf(targetGroups.map(({ TargetGroupArn: arn }) => arn))).toEqual(uids);
  expect(asked("GetResources", before)).toBeGreaterThanOrEqual(kinds.length * (count / pageSize));
  for (const kind of kinds) expect(asked(`Describe${kind}`, before)).toBe(count / batchSize);
  expect(moto.writes()).toEqual([]);
});

it("a controller that knows of none of them finds all, and takes away those of the last page with all that they have", async () => {
  const before = await owners();
  expect(before).toHaveLength(count);
  const operator = await Operator.start(moto);
  const last = new Set(before.slice(-pageSize));
  for (const lb of all.filter(({ id }) => last.has(id.uid))) operator.letGo(lb);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(await owners()).toEqual(before.slice(0, -pageSize));
});
