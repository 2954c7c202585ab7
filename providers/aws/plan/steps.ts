import type { FieldDiff, PlanStep } from "../../../src/provider/index.ts";
import type { Action } from "../actions.ts";
import { tagKeys, userTagNames } from "../identity.ts";
import type { Pairs } from "../schema/index.ts";

/** How often to look at what takes minutes. */
export const slowPollMs = 10_000;
/** How often to look at what takes seconds. */
export const quickPollMs = 2000;

const verbs: readonly (readonly [prefix: string, action: PlanStep["action"]])[] = [
  ["create", "create"],
  ["register", "create"],
  ["authorize", "create"],
  ["delete", "delete"],
  ["deregister", "delete"],
  ["revoke", "delete"],
];

/** One call; what it does follows from its kind. */
export function step(
  id: string,
  input: Action,
  { after = [], diff = [] }: { readonly after?: readonly string[]; readonly diff?: readonly FieldDiff[] } = {},
): PlanStep {
  const action = verbs.find(([prefix]) => input.kind.startsWith(prefix))?.[1] ?? "update";
  return { id, action, target: `${input.kind} ${id}`, dependsOn: after, input, diff };
}

/** What is different, sorted by name. */
export function pairsDiff(before: Pairs, after: Pairs): readonly FieldDiff[] {
  return Object.keys(after)
    .filter((name) => before[name] !== after[name])
    .sort()
    .map((path) => ({ path, from: before[path], to: after[path] }));
}

/** The part of `after` that is not so yet. */
export function changedPairs(before: Pairs, after: Pairs): Pairs {
  return Object.fromEntries(pairsDiff(before, after).map(({ path, to = "" }) => [path, to]));
}

export function sameSet(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}

/** Tags of ours that are missing or wrong are put right; of all others only those that a user asked for once go. */
export function tagSteps(
  id: string,
  object: { readonly at: "elb" | "ec2"; readonly id: string; readonly tags: Pairs },
  wanted: Pairs,
): readonly PlanStep[] {
  const { at, tags } = object;
  const added = changedPairs(tags, wanted);
  const diff = pairsDiff(tags, wanted);
  const keys = [...userTagNames(tags), tagKeys.users]
    .filter((name) => wanted[name] === undefined && tags[name] !== undefined)
    .sort();
  const add = step(`${id}/tags`, { kind: "addTags", at, id: object.id, tags: added }, { diff });
  const removal = step(
    `${id}/old-tags`,
    { kind: "removeTags", at, id: object.id, keys },
    { diff: keys.map((path) => ({ path, from: tags[path], to: undefined })) },
  );
  // What the list of the user's tags loses is taken away before the list forgets it.
  const adds = diff.length === 0 ? [] : [{ ...add, dependsOn: keys.length > 0 ? [removal.id] : [] }];
  return keys.length > 0 ? [removal, ...adds] : adds;
}

export function idsOf(steps: readonly PlanStep[]): readonly string[] {
  return steps.map(({ id }) => id);
}
