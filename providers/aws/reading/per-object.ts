import type { Clock } from "../../../src/base/index.ts";
import { TokenBucket } from "../../../src/provider/index.ts";

/** How many of these requests go out each second while many load balancers are checked. */
const rate = { perSecond: 2, burst: 20 } as const;

/**
 * `live`: now. `recent`: while somebody waits. `seldom`: only what is too old, and at a low rate, as many are looked at
 * one after the other.
 */
export type Look = "live" | "recent" | "seldom";

/** How old an answer may be, in milliseconds. */
export type MaxAge = Readonly<Record<Look, number>>;

/** What no batch tells of: a request for each object. Keeps the last answers, and asks again in turns. */
export class PerObject {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #known = new Map<string, { readonly value: unknown; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#bucket = new TokenBucket(rate, clock);
  }

  /** Undefined: it was never read, and now is not its turn. */
  async get<T>(key: string, look: Look, maxAge: MaxAge, read: () => Promise<T>): Promise<T | undefined> {
    const known = this.#known.get(key) as { readonly value: T; readonly at: number } | undefined;
    if (known !== undefined && this.#clock.monotonic() - known.at < maxAge[look]) return known.value;
    if (look === "seldom") {
      if (this.#bucket.waitMs > 0) return known?.value;
      this.#bucket.take();
    }
    return await this.must(key, read);
  }

  /** Whatever it costs. */
  async must<T>(key: string, read: () => Promise<T>): Promise<T> {
    const at = this.#clock.monotonic();
    const value = await read();
    // What it was changed to in the meantime, the answer may not show.
    if ((this.#known.get(key)?.at ?? at) <= at) this.#known.set(key, { value, at });
    return value;
  }

  /** We have just changed what was read, and know how it is now. */
  amend<T>(key: string, change: (value: T) => T): void {
    const known = this.#known.get(key) as { readonly value: T } | undefined;
    if (known !== undefined) this.#known.set(key, { value: change(known.value), at: this.#clock.monotonic() });
  }

  /** Something was written to the object of this ARN, or may have been. */
  changed(arn: string): void {
    for (const key of this.#known.keys()) if (key.startsWith(`${arn} `)) this.#known.delete(key);
  }

  /** All else is gone. */
  keepOnly(isThere: (key: string) => boolean): void {
    for (const key of this.#known.keys()) if (!isThere(key)) this.#known.delete(key);
  }
}
