import type { Clock } from "../../../src/base/index.ts";
import type { Found } from "./reader.ts";

/** So long only we change what is ours, as a rule; who else does is found out at the next look. */
export const unchangedMs = 30_000;

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

  /** Undefined when it is too old, or we have changed something since. */
  of(uid: string): Found | undefined {
    const look = this.#looks.get(uid);
    if (look === undefined || this.#clock.monotonic() - look.at < unchangedMs) return look?.found;
    this.#looks.delete(uid);
    return undefined;
  }

  /** `at`: when the look began. */
  keep(uid: string, found: Found, at: number): void {
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
