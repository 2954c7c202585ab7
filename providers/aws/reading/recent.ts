import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { Clock } from "../../../src/base/index.ts";
import type { ObservedGroup } from "../observation.ts";

/** The tagging API tells of everything by then. */
const keptMs = 15 * 60_000;
/** AWS shows everything that it made by then. */
const shownMs = 60_000;

interface Made {
  /** Of the Service that it was made for; empty for what all share. */
  readonly uid: string;
  /** Monotonic. */
  readonly at: number;
  readonly group: MadeGroup | undefined;
}

/** A security group, which EC2 does not show at once. */
export type MadeGroup = Pick<ObservedGroup, "id" | "name" | "tags">;

/** What this process made lately: lists of AWS lag behind. */
export class Recent {
  readonly #clock: Clock;
  /** By ARN or ID. */
  readonly #made = new Map<string, Made>();
  /** Of security groups, by ID. */
  readonly #rules = new Map<string, { readonly rule: SecurityGroupRule; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(uid: string, ref: string, group?: MadeGroup): void {
    const now = this.#clock.monotonic();
    for (const [old, { at }] of this.#made) if (now - at > keptMs) this.#made.delete(old);
    this.#made.set(ref, { uid, at: now, group });
  }

  forget(ref: string): void {
    this.#made.delete(ref);
  }

  noteRules(rules: readonly SecurityGroupRule[]): void {
    const now = this.#clock.monotonic();
    for (const [old, { at }] of this.#rules) if (now - at >= shownMs) this.#rules.delete(old);
    for (const rule of rules) this.#rules.set(rule.SecurityGroupRuleId ?? "", { rule, at: now });
  }

  forgetRules(ids: readonly string[]): void {
    for (const id of ids) this.#rules.delete(id);
  }

  /** What is shown, and what EC2 may not show yet of the rules that are `wanted`. */
  withRules(
    shown: readonly SecurityGroupRule[],
    wanted: (rule: SecurityGroupRule) => boolean,
  ): readonly SecurityGroupRule[] {
    const now = this.#clock.monotonic();
    const known = new Set(shown.map(({ SecurityGroupRuleId: id }) => id));
    const unseen = [...this.#rules.values()].filter(
      ({ rule, at }) => now - at < shownMs && !known.has(rule.SecurityGroupRuleId) && wanted(rule),
    );
    return [...shown, ...unseen.map(({ rule }) => rule)];
  }

  /** ARNs of one Service, or of all. */
  arns(uid: string | undefined): readonly string[] {
    return [...this.#made]
      .filter(([, made]) => made.group === undefined && (uid === undefined || made.uid === uid))
      .map(([ref]) => ref);
  }

  /** Security groups of one Service, or what all share, that EC2 may not show yet. */
  groups(uid: string): readonly MadeGroup[] {
    return [...this.#made].flatMap(([ref, made]) =>
      made.group !== undefined && made.uid === uid && this.isNew(ref) ? [made.group] : [],
    );
  }

  /** So young that AWS may deny it. */
  isNew(ref: string): boolean {
    const made = this.#made.get(ref);
    return made !== undefined && this.#clock.monotonic() - made.at < shownMs;
  }
}
