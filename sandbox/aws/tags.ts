import { AwsError, type Call, type Handler, list, maybe, tagsIn, text, texts } from "./call.ts";
import { account, region, type Tags } from "./state.ts";
import type { Input, Value } from "./wire.ts";

/** The tagging API lists what is new, and what is gone, so much later. */
export const lagMs = 20_000;

export const elbTagHandlers: Readonly<Record<string, Handler>> = {
  DescribeTags({ state, input, isOn }) {
    const arns = texts(input, "ResourceArns");
    if (isOn("batch-of-20") && arns.length > 20) throw new AwsError("ValidationError", "more than 20 ARNs");
    return {
      TagDescriptions: arns.map((arn) => {
        const found = state.tagged(arn);
        if (found === undefined) throw new AwsError(notFound(arn), `'${arn}' not found`);
        return { ResourceArn: arn, Tags: [...found.tags].map(([Key, Value]) => ({ Key, Value })) };
      }),
    };
  },
  AddTags: (call) => change(call, texts(call.input, "ResourceArns"), tagsIn(call.input, "Tags"), []),
  RemoveTags: (call) => change(call, texts(call.input, "ResourceArns"), new Map(), texts(call.input, "TagKeys")),
};

export const ec2TagHandlers: Readonly<Record<string, Handler>> = {
  CreateTags: (call) => change(call, texts(call.input, "ResourceId"), tagsIn(call.input, "Tag"), []),
  DeleteTags: (call) =>
    change(
      call,
      texts(call.input, "ResourceId"),
      new Map(),
      list(call.input, "Tag").map((tag) => text(tag, "Key")),
    ),
};

function change(call: Call, refs: readonly string[], added: Tags, gone: readonly string[]): Value {
  for (const ref of refs) {
    const found = call.state.tagged(ref);
    if (found === undefined) throw new AwsError(notFound(ref), `'${ref}' not found`);
    for (const key of gone) found.tags.delete(key);
    for (const [key, value] of added) found.tags.set(key, value);
    if (found.tags.size > 50) throw new AwsError("TooManyTags", "more than 50 tags");
  }
  return { return: true };
}

function notFound(ref: string): string {
  if (ref.startsWith("sg")) return "InvalidGroup.NotFound";
  return ref.includes(":targetgroup/")
    ? "TargetGroupNotFound"
    : ref.includes(":listener/")
      ? "ListenerNotFound"
      : "LoadBalancerNotFound";
}

/** What the tagging API knows. */
export class TagIndex {
  /** By ARN: its tags, and since when (or until when, if it is gone) it is listed so. */
  readonly #known = new Map<
    string,
    { readonly tags: ReadonlyMap<string, string>; readonly shownAt: number; hiddenAt: number }
  >();

  /** Called after each request. */
  notice({ state, isOn }: Pick<Call, "state" | "isOn">): void {
    const later = state.now + (isOn("tags-listed-later") ? lagMs : 0);
    const objects = [...state.loadBalancers.values(), ...state.listeners.values(), ...state.targetGroups.values()];
    const there = new Set(objects.map(({ arn }) => arn));
    for (const { arn, tags } of objects)
      if (!this.#known.has(arn)) this.#known.set(arn, { tags, shownAt: later, hiddenAt: Number.POSITIVE_INFINITY });
    for (const [arn, known] of this.#known) if (!there.has(arn)) known.hiddenAt = Math.min(known.hiddenAt, later);
  }

  /** As JSON, which this API speaks. */
  getResources({ state, input }: Pick<Call, "state" | "input">): unknown {
    const filters = list(input, "TagFilters");
    const types = texts(input, "ResourceTypeFilters");
    const size = Number((input["ResourcesPerPage"] as unknown) ?? 50);
    if (size > 100) throw new AwsError("InvalidParameterException", "more than 100 a page");
    const start = Number(maybe(input, "PaginationToken") || 0);
    const found = [...this.#known].filter(
      ([arn, { tags, shownAt, hiddenAt }]) =>
        shownAt <= state.now &&
        state.now < hiddenAt &&
        isOfType(arn, types) &&
        filters.every((filter) => matches(tags, filter)),
    );
    return {
      ResourceTagMappingList: found.slice(start, start + size).map(([arn, { tags }]) => ({
        ResourceARN: arn,
        Tags: [...tags].map(([Key, Value]) => ({ Key, Value })),
      })),
      PaginationToken: start + size < found.length ? `${start + size}` : "",
    };
  }
}

function isOfType(arn: string, types: readonly string[]): boolean {
  return types.some((type) => {
    const [service = "", kind = ""] = type.split(":");
    return arn.startsWith(`arn:aws:${service}:${region}:${account}:${kind}`);
  });
}

function matches(tags: ReadonlyMap<string, string>, filter: Input): boolean {
  return texts(filter, "Values").includes(tags.get(text(filter, "Key")) ?? "");
}
