import type { Clock } from "../../base/index.ts";
import { ProviderError } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";

export interface PauseTimes {
  /** No pause is made longer, unless the provider asks for more. */
  readonly maxMs: number;
  /** A limit that is hit again so soon after its pause was not given enough time. */
  readonly relapseMs: number;
}

const defaultPauseTimes: PauseTimes = { maxMs: 300_000, relapseMs: 30_000 };

/** Of one scope of a provider. */
export interface PauseState {
  readonly scope: string;
  readonly leftMs: number;
  readonly relapses: number;
}

interface Pause {
  /** Monotonic. */
  readonly until: number;
  /** Pauses of this scope in a row, this one not counted. */
  readonly relapses: number;
}

/** Which providers asked to be left alone, and until when. Of a provider nothing is asked while any scope pauses. */
export class Circuit {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #times: PauseTimes;
  /** By provider, then by what is limited there (`account`, `region/eu-west-1`, ...). */
  readonly #pauses = new Map<string, Map<string, Pause>>();

  constructor(clock: Clock, logger: Logger, times: PauseTimes = defaultPauseTimes) {
    this.#clock = clock;
    this.#logger = logger;
    this.#times = times;
  }

  /** It said that this scope is limited: a pause, twice as long each time that the one before did not help. */
  open(provider: string, scope: string, forMs: number): void {
    const scopes = this.#pauses.get(provider) ?? new Map<string, Pause>();
    this.#pauses.set(provider, scopes);
    const { maxMs, relapseMs } = this.#times;
    const now = this.#clock.monotonic();
    const last = scopes.get(scope);
    // Several workers hear of one limit.
    const isSame = last !== undefined && last.until > now;
    const isRelapse = last !== undefined && !isSame && now - last.until < relapseMs;
    const relapses = isSame ? last.relapses : isRelapse ? last.relapses + 1 : 0;
    const pauseMs = Math.max(forMs, Math.min(forMs * 2 ** relapses, maxMs));
    const until = Math.max(now + pauseMs, last?.until ?? 0);
    scopes.set(scope, { until, relapses });
    if (!isSame) this.#logger.warn("provider pauses", { provider, reason: scope, retryMs: Math.round(pauseMs) });
  }

  /** Milliseconds that the provider is to be left alone yet. */
  pauseOf(provider: string): number | undefined {
    return this.#longest(provider)?.leftMs;
  }

  /** Its pauses, the longest first. */
  pausesOf(provider: string): readonly PauseState[] {
    const now = this.#clock.monotonic();
    return [...(this.#pauses.get(provider) ?? [])]
      .map(([scope, { until, relapses }]) => ({ scope, leftMs: until - now, relapses }))
      .filter(({ leftMs }) => leftMs > 0)
      .sort((a, b) => b.leftMs - a.leftMs);
  }

  /** Throws while the provider pauses. */
  check(provider: string): void {
    const found = this.#longest(provider);
    if (found === undefined) return;
    const fault = { kind: "throttled", scope: found.scope, retryAfterMs: found.leftMs } as const;
    throw new ProviderError(fault, `${provider} asked to be left alone (${found.scope})`);
  }

  #longest(provider: string): PauseState | undefined {
    return this.pausesOf(provider)[0];
  }
}
