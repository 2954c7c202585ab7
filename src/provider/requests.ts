import { type Clock, orAborted, sleep, withTimeout } from "../base/index.ts";
import { ProviderError } from "./errors.ts";
import type { RequestBudget } from "./request-budget.ts";
import type { RequestMeter } from "./request-meter.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** A poll reads how far an operation has come that an earlier write began. */
export type RequestKind = "read" | "write" | "poll";

/** What all requests of one provider share. */
export interface RequestLimits {
  /** Unlimited by default. */
  readonly budget?: RequestBudget;
  readonly meter?: RequestMeter;
}

export interface RequestsOptions extends RequestLimits {
  /** A text says why nothing may be written any more. */
  readonly fence: () => string | undefined;
  readonly clock: Clock;
}

/** The fence said no: this request was not sent. */
export class NotSentError extends Error {
  override readonly name = "NotSentError";
}

/** No request takes longer. */
const limitMs = 10_000;
/** A worker that would have to wait longer for its turn is of more use elsewhere. */
const patienceMs = 1000;
/** A read that is refused for want of room takes another turn: one refusal must not cost all that was read before. */
const maxReads = 5;

/** The one door through which an adapter's requests leave: at a rate, with a time limit, and writes past the fence. */
export class Requests {
  readonly #fence: () => string | undefined;
  readonly #clock: Clock;
  readonly #budget: RequestBudget | undefined;
  readonly #meter: RequestMeter;

  constructor({ fence, clock, budget, meter = () => {} }: RequestsOptions) {
    this.#fence = fence;
    this.#clock = clock;
    this.#budget = budget;
    this.#meter = meter;
  }

  /**
   * Sends one request. Who ignores the signal is left behind when it aborts; `what` names it to people, and its first
   * word, which says what is done, to the metrics. A request that looks at something before it changes anything calls
   * `check` in between, which throws `NotSentError`: the process may have stood still meanwhile.
   */
  async send<T>(
    kind: RequestKind,
    what: string,
    signal: AbortSignal,
    request: (signal: AbortSignal, check: () => void) => Promise<T>,
  ): Promise<T> {
    const bucket = this.#budget?.bucketOf(kind);
    for (let turn = 1; ; turn++) {
      await this.#turn(kind, bucket, signal);
      try {
        const answer = await this.#once(kind, what, signal, request);
        bucket?.answered();
        return answer;
      } catch (error) {
        if (!isThrottled(error)) throw error;
        bucket?.refused();
        if (kind !== "read" || bucket === undefined || turn === maxReads) throw error;
      }
    }
  }

  async #once<T>(
    kind: RequestKind,
    what: string,
    signal: AbortSignal,
    request: (signal: AbortSignal, check: () => void) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const check = (): void => {
      const why = kind === "write" ? this.#fence() : undefined;
      if (why !== undefined) throw new NotSentError(`${what}: not sent: ${why}`);
    };
    check();
    using limit = withTimeout(signal, limitMs, what, this.#clock);
    const sentAt = this.#clock.monotonic();
    let code = "ok";
    try {
      return await orAborted(request(limit.signal, check), limit.signal);
    } catch (error) {
      code = codeOf(error, signal, limit.signal);
      throw error;
    } finally {
      this.#meter(what.split(" ")[0] ?? "", code, (this.#clock.monotonic() - sentAt) / 1000);
    }
  }

  async #turn(kind: RequestKind, bucket: TokenBucket | undefined, signal: AbortSignal): Promise<void> {
    if (bucket === undefined) return;
    const { waitMs } = bucket;
    // As many may be before it while all goes slower.
    if (waitMs > patienceMs * bucket.slowness) {
      const fault = { kind: "throttled", scope: `our own rate of ${kind}s`, retryAfterMs: waitMs } as const;
      throw new ProviderError(fault, `more ${kind}s are wanted than may be sent`);
    }
    bucket.take();
    if (waitMs > 0) await sleep(waitMs, signal, this.#clock);
  }
}

function isThrottled(error: unknown): boolean {
  return error instanceof ProviderError && error.fault.kind === "throttled";
}

function codeOf(error: unknown, caller: AbortSignal, limit: AbortSignal): string {
  if (error instanceof ProviderError) return error.fault.kind;
  if (caller.aborted) return "aborted";
  return limit.aborted ? "timeout" : "error";
}
