import type { Clock } from "../../../src/base/index.ts";
import type { Found } from "./reader.ts";

/** So long only we change what is ours, as a rule: enough to wait by, and too little to change anything by. */
export const unchangedMs = 30_000;
/** What is read of one Service in a row counts as one look, at all its scopes. */
export const oneLookMs = 5000;

interface Look {
  readonly found: Found;
  /** All ARNs and IDs in it. */
  readonly refs: ReadonlySet<string>;
  /** Monotonic: when it began. */
  readonly at: number;
}

/** What was found of each Service when it was last looked at: who waits for AWS looks again and again. */
export class LastLook {
  readonly #clock: Clock;
  /** By the UID of the Service. */
  readonly #looks = new Map<string, Look>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined when it is older than that, or we have changed something since. */
  of(uid: string, maxAgeMs: number): Found | undefined {
    const look = this.#looks.get(uid);
    if (look === undefined || this.#clock.monotonic() - look.at >= maxAgeMs) return undefined;
    return look.found;
  }

  /** `at`: when the look began. */
  keep(uid: string, found: Found, at: number): void {
    for (const [other, look] of this.#looks) if (at - look.at >= unchangedMs) this.#looks.delete(other);
    const refs = [
      ...found.loadBalancers.map(({ LoadBalancerArn: arn }) => arn),
      ...[...found.listeners.values()].flat().map(({ ListenerArn: arn }) => arn),
      ...found.targetGroups.map(({ TargetGroupArn: arn }) => arn),
      ...found.groups.map(({ id }) => id),
    ];
    this.#looks.set(uid, { found, refs: new Set(refs.flatMap((ref) => ref ?? [])), at });
  }

  /** Something was written, or may have been: of this Service, or to what has this ARN or ID. */
  changed(ref: string): void {
    this.#looks.delete(ref);
    for (const [uid, { refs }] of this.#looks) if (refs.has(ref)) this.#looks.delete(uid);
  }
}
