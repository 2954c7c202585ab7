import type * as ec2 from "@aws-sdk/client-ec2";
import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type * as tagging from "@aws-sdk/client-resource-groups-tagging-api";
import { type Call, type Given, get, type Handler, kindOf, maxBatch, page, refuse } from "./call.ts";
import { account, region, type Tags } from "./state.ts";

/** The tagging API lists what is new, and what is gone, so much later. */
const lagMs = 20_000;

type TagList = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

export function tagsIn(list: TagList = []): Tags {
  return new Map(list.map(({ Key = "", Value = "" }) => [Key, Value]));
}

export function tagList(tags: ReadonlyMap<string, string>): TagList {
  return [...tags].map(([Key, Value]) => ({ Key, Value }));
}

/** Those of what an ARN or ID is of, if it is there. */
export function tagsOf({ state }: Call, ref: string): Tags | undefined {
  const rule = ref.startsWith("sgr-") ? state.rules().find(({ id }) => id === ref) : undefined;
  return (rule ?? state[kindOf(ref)].get(ref))?.tags;
}

/** Elastic Load Balancing has it by ARN, and EC2 by ID. */
type Change = Partial<Given<elb.AddTagsInput & elb.RemoveTagsInput & ec2.CreateTagsRequest>>;

export const tagHandlers: Readonly<Record<string, Handler>> = {
  DescribeTags(call, { ResourceArns: refs }: Given<elb.DescribeTagsInput>) {
    refuse(call, "batch-of-20", refs.length > maxBatch, `more than ${maxBatch} ARNs`);
    return { TagDescriptions: refs.map((ref) => ({ ResourceArn: ref, Tags: tagList(mustTags(call, ref)) })) };
  },
  AddTags: add,
  CreateTags: add,
  RemoveTags: remove,
  DeleteTags: remove,
};

function mustTags(call: Call, ref: string): Tags {
  return tagsOf(call, ref) ?? get(call, kindOf(ref), ref).tags;
}

function add(call: Call, { ResourceArns = [], Resources = ResourceArns, Tags }: Change): object {
  for (const tags of Resources.map((ref) => mustTags(call, ref)))
    for (const [key, value] of tagsIn(Tags)) tags.set(key, value);
  return {};
}

function remove(call: Call, { ResourceArns = [], Resources = ResourceArns, Tags, TagKeys }: Change): object {
  for (const tags of Resources.map((ref) => mustTags(call, ref)))
    for (const key of TagKeys ?? tagsIn(Tags).keys()) tags.delete(key);
  return {};
}

/** What the tagging API lists. */
export class TagIndex {
  /** By ARN: its tags, and from when until when it is listed. */
  readonly #listed = new Map<string, { readonly tags: Tags; readonly from: number; until: number }>();

  /** Called after each request. */
  notice({ state, isOn }: Pick<Call, "state" | "isOn">): void {
    const later = state.now + (isOn("tags-listed-later") ? lagMs : 0);
    const { loadBalancers, listeners, targetGroups } = state;
    const there = new Map<string, { readonly tags: Tags }>([...loadBalancers, ...listeners, ...targetGroups]);
    for (const [arn, { tags }] of there)
      if (!this.#listed.has(arn)) this.#listed.set(arn, { tags, from: later, until: Number.POSITIVE_INFINITY });
    for (const [arn, one] of this.#listed) if (!there.has(arn)) one.until = Math.min(one.until, later);
  }

  getResources(call: Call, input: Given<tagging.GetResourcesInput>): object {
    const { now } = call.state;
    const { TagFilters = [], ResourceTypeFilters = [], ResourcesPerPage = 50, PaginationToken } = input;
    const found = [...this.#listed].filter(
      ([arn, { tags, from, until }]) =>
        from <= now &&
        now < until &&
        ResourceTypeFilters.some((type) => isOfType(arn, type)) &&
        TagFilters.every(({ Key = "", Values = [] }) => Values.includes(tags.get(Key) ?? "")),
    );
    const [items, next = ""] = page(call, found, ResourcesPerPage, PaginationToken || "0");
    const list = items.map(([arn, { tags }]) => ({ ResourceARN: arn, Tags: tagList(tags) }));
    return { ResourceTagMappingList: list, PaginationToken: next };
  }
}

/** `elasticloadbalancing:targetgroup` */
function isOfType(arn: string, type: string): boolean {
  const [service = "", kind = ""] = type.split(":");
  return arn.startsWith(`arn:aws:${service}:${region}:${account}:${kind}`);
}
