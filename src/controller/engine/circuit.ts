import type { Clock } from "../../base/index.ts";
import { ProviderError } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";

/** A limit that is hit again so soon after its pause was not given enough time. */
const relapseMs = 30_000;
const maxPauseMs = 300_000;

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
  /** By provider, then by what is limited there (`account`, `region/eu-west-1`, ...). */
  readonly #pauses = new Map<string, Map<string, Pause>>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** It said that this scope is limited: a pause, twice as long each time that the one before did not help. */
  open(provider: string, scope: string, forMs: number): void {
    const scopes = this.#pauses.get(provider) ?? new Map<string, Pause>();
    this.#pauses.set(provider, scopes);
    const now = this.#clock.monotonic();
    const last = scopes.get(scope);
    // Several workers hear of one limit.
    const isSame = last !== undefined && last.until > now;
    const isRelapse = last !== undefined && !isSame && now - last.until < relapseMs;
    const relapses = isSame ? last.relapses : isRelapse ? last.relapses + 1 : 0;
    const pauseMs = Math.max(forMs, Math.min(forMs * 2 ** relapses, maxPauseMs));
    const until = Math.max(now + pauseMs, last?.until ?? 0);
    scopes.set(scope, { until, relapses });
    if (!isSame) this.#logger.warn("provider pauses", { provider, reason: scope, retryMs: Math.round(pauseMs) });
  }

  /** Milliseconds that the provider is to be left alone yet. */
  pauseOf(provider: string): number | undefined {
    return this.#longest(provider)?.leftMs;
  }

  /** Throws while the provider pauses. */
  check(provider: string): void {
    const found = this.#longest(provider);
    if (found === undefined) return;
    const fault = { kind: "throttled", scope: found.scope, retryAfterMs: found.leftMs } as const;
    throw new ProviderError(fault, `${provider} asked to be left alone (${found.scope})`);
  }

  #longest(provider: string): { readonly scope: string; readonly leftMs: number } | undefined {
    const now = this.#clock.monotonic();
    let longest: { scope: string; leftMs: number } | undefined;
    for (const [scope, { until }] of this.#pauses.get(provider) ?? [])
      if (until - now > (longest?.leftMs ?? 0)) longest = { scope, leftMs: until - now };
    return longest;
  }
}
