import { assertNever } from "../base/index.ts";

/** Everything that an adapter may report; closed, so that each member has exactly one treatment. */
export type Fault =
  /** Time-outs, 5xx, a lost race: tried again with back-off. */
  | { readonly kind: "retryable" }
  /** The whole provider pauses; `scope` says what is limited (`account`, `region/eu-west-1`, ...). */
  | { readonly kind: "throttled"; readonly scope: string; readonly retryAfterMs: number }
  /** The credentials may not do `action`. */
  | { readonly kind: "forbidden"; readonly action: string }
  | { readonly kind: "quota"; readonly limit: string }
  /** It exists but does not carry our tags: never touched. `owner` is whose it is, as far as known. */
  | { readonly kind: "conflict"; readonly owner: string }
  /** What a step refers to is gone; the next observation tells what to do. A delete treats it as done. */
  | { readonly kind: "notFound" }
  /** The state of the world forbids it; `reason` is CamelCase, `remedy` is what a person can do. */
  | { readonly kind: "blocked"; readonly reason: string; readonly remedy: string };

/** The only error that an adapter throws on purpose. Any other one counts as retryable. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  readonly fault: Fault;

  constructor(fault: Fault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** What the caller has to do about a failure. `reason` is CamelCase, for conditions. */
export type Decision =
  /** Try again with the key's back-off. */
  | { readonly kind: "backOff"; readonly reason: string }
  /** Nothing of this provider is tried before; the key's back-off does not count it. */
  | { readonly kind: "pause"; readonly reason: string; readonly scope: string; readonly forMs: number }
  /** Only the world or a person can help: tried again slowly, reported when it changes. */
  | { readonly kind: "park"; readonly reason: string; readonly remedy: string; readonly forMs: number };

const parkMs = 5 * 60_000;

export function decide(error: unknown): Decision {
  if (!(error instanceof ProviderError)) return { kind: "backOff", reason: "SyncFailed" };
  const { fault } = error;
  switch (fault.kind) {
    case "retryable":
      return { kind: "backOff", reason: "SyncFailed" };
    case "notFound":
      return { kind: "backOff", reason: "NotFound" };
    case "throttled":
      return { kind: "pause", reason: "Throttled", scope: fault.scope, forMs: fault.retryAfterMs };
    case "forbidden":
      return park("Forbidden", `allow ${fault.action}`);
    case "quota":
      return park("QuotaExceeded", `raise the limit ${fault.limit}`);
    case "conflict":
      return park("Conflict", `remove it or give it to Berth; it belongs to ${fault.owner}`);
    case "blocked":
      return park(fault.reason, fault.remedy);
    default:
      return assertNever(fault, "provider fault");
  }
}

function park(reason: string, remedy: string): Decision {
  return { kind: "park", reason, remedy, forMs: parkMs };
}
