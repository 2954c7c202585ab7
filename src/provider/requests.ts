import { type Clock, orAborted, sleep, withTimeout } from "../base/index.ts";
import { ProviderError } from "./errors.ts";
import { type Rate, TokenBucket } from "./token-bucket.ts";

/** A poll reads how far an operation has come that an earlier write began. */
export type RequestKind = "read" | "write" | "poll";

export interface RequestsOptions {
  /** A text says why nothing may be written any more. */
  readonly fence: () => string | undefined;
  readonly clock: Clock;
  /** Each kind has a bucket of its own; unlimited by default. */
  readonly rates?: Readonly<Partial<Record<RequestKind, Rate>>>;
}

/** The fence said no: this request was not sent. */
export class NotSentError extends Error {
  override readonly name = "NotSentError";
}

/** No request takes longer. */
const limitMs = 10_000;
/** A worker that would have to wait longer for its turn is of more use elsewhere. */
const patienceMs = 1000;

/** The one door through which an adapter's requests leave: at a rate, with a time limit, and writes past the fence. */
export class Requests {
  readonly #fence: () => string | undefined;
  readonly #clock: Clock;
  readonly #buckets: ReadonlyMap<RequestKind, TokenBucket>;

  constructor({ fence, clock, rates = {} }: RequestsOptions) {
    this.#fence = fence;
    this.#clock = clock;
    this.#buckets = new Map(
      Object.entries(rates).map(([kind, rate]) => [kind as RequestKind, new TokenBucket(rate, clock)]),
    );
  }

  /** Sends one request. Who ignores the signal is left behind when it aborts; `what` names it to people. */
  async send<T>(
    kind: RequestKind,
    what: string,
    signal: AbortSignal,
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    await this.#turn(kind, signal);
    signal.throwIfAborted();
    const why = kind === "write" ? this.#fence() : undefined;
    if (why !== undefined) throw new NotSentError(`${what}: not sent: ${why}`);
    using limit = withTimeout(signal, limitMs, what, this.#clock);
    return await orAborted(request(limit.signal), limit.signal);
  }

  async #turn(kind: RequestKind, signal: AbortSignal): Promise<void> {
    const bucket = this.#buckets.get(kind);
    if (bucket === undefined) return;
    const { waitMs } = bucket;
    if (waitMs > patienceMs) {
      const fault = { kind: "throttled", scope: `our own rate of ${kind}s`, retryAfterMs: waitMs } as const;
      throw new ProviderError(fault, `more ${kind}s are wanted than may be sent`);
    }
    bucket.take();
    if (waitMs > 0) await sleep(waitMs, signal, this.#clock);
  }
}
