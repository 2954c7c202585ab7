import type { Clock } from "../base/index.ts";
import type { RequestKind } from "./requests.ts";
import { type Rate, TokenBucket } from "./token-bucket.ts";

export type Rates = Readonly<Partial<Record<RequestKind, Rate>>>;

/** The rate as it is now, which is lower than the given one while the provider refuses requests. */
export interface BucketState extends Rate {
  /** How long the next request has to wait, in milliseconds. */
  readonly waitMs: number;
}

/** How fast all requests of one provider may go together, whoever sends them. A kind without a rate is unlimited. */
export class RequestBudget {
  readonly #buckets: ReadonlyMap<RequestKind, { readonly rate: Rate; readonly bucket: TokenBucket }>;

  constructor(rates: Rates, clock: Clock) {
    const entries = Object.entries(rates) as [RequestKind, Rate][];
    this.#buckets = new Map(entries.map(([kind, rate]) => [kind, { rate, bucket: new TokenBucket(rate, clock) }]));
  }

  bucketOf(kind: RequestKind): TokenBucket | undefined {
    return this.#buckets.get(kind)?.bucket;
  }

  state(): ReadonlyMap<RequestKind, BucketState> {
    return new Map(
      [...this.#buckets].map(([kind, { rate, bucket }]) => [
        kind,
        { ...rate, perSecond: bucket.perSecond, waitMs: bucket.waitMs },
      ]),
    );
  }
}
