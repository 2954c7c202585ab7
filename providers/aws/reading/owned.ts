import type { Tag } from "@aws-sdk/client-resource-groups-tagging-api";
import { ProviderError } from "../../../src/provider/index.ts";
import type { Aws } from "../aws.ts";
import { tagKeys } from "../identity.ts";
import { allPages, inBatches } from "../pages.ts";
import type { Pairs } from "../schema/index.ts";
import type { Recent } from "./recent.ts";

export type TagsByArn = ReadonlyMap<string, Pairs>;

/** What carries the tags of a cluster, or of one Service of it, as the tagging API knows it, which lags. */
export async function taggedObjects(
  aws: Aws,
  { clusterId, uid }: { readonly clusterId: string; readonly uid?: string | undefined },
  types: readonly string[],
  signal: AbortSignal,
): Promise<TagsByArn> {
  const filters: { Key: string; Values: string[] }[] = [{ Key: tagKeys.cluster, Values: [clusterId] }];
  if (uid !== undefined) filters.push({ Key: tagKeys.uid, Values: [uid] });
  const input = { TagFilters: filters, ResourceTypeFilters: [...types], ResourcesPerPage: 100 };
  const found = await allPages(aws, "GetResources", input, (page) => page.ResourceTagMappingList, signal);
  return new Map(found.map(({ ResourceARN = "", Tags }) => [ResourceARN, pairsOf(Tags)]));
}

/** What these objects of load balancing carry, as they say it themselves. */
export async function tagsOf(aws: Aws, arns: readonly string[], signal: AbortSignal): Promise<TagsByArn> {
  const found = new Map<string, Pairs>();
  for (const batch of inBatches(arns)) {
    const described = await present(batch, async (some) => {
      const { TagDescriptions = [] } = await aws.read("DescribeTags", { ResourceArns: [...some] }, signal);
      return TagDescriptions;
    });
    for (const { ResourceArn = "", Tags } of described) found.set(ResourceArn, pairsOf(Tags));
  }
  return found;
}

/** Of a batch of which one is not there AWS tells nothing: each alone then. `recent`: what must be there. */
export async function present<T>(
  arns: readonly string[],
  describe: (some: readonly string[]) => Promise<readonly T[]>,
  recent?: Recent,
): Promise<readonly T[]> {
  if (arns.length === 0) return [];
  try {
    return await describe(arns);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    if (arns.length > 1) return (await inTurn(arns, (arn) => present([arn], describe, recent))).flat();
    if (recent?.isNew(arns[0] ?? "") !== true) return [];
    throw new ProviderError({ kind: "retryable" }, `AWS does not show ${arns[0]} yet, which was just made`, {
      cause: error,
    });
  }
}

/** One after the other, as requests have a rate. */
export async function inTurn<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ProviderError && error.fault.kind === "notFound";
}

/** Of all of AWS' APIs. */
export function pairsOf(tags: readonly Partial<Pick<Tag, "Key" | "Value">>[] | undefined): Pairs {
  return Object.fromEntries((tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
}
