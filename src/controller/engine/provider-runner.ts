import { assertNever, type Clock } from "../../base/index.ts";
import type { WorkResult } from "../../kube/index.ts";
import type { LbIdentity } from "../../model/index.ts";
import { type Decision, type Desired, decide, isConverged, type ProviderAdapter } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import { type Convergence, converge } from "./convergence.ts";
import { StoppedError } from "./stopped-error.ts";
import { WaitLedger } from "./wait-ledger.ts";

export type Attempt =
  /** `changed`: once all is done, the steps that it took, of earlier attempts too; undefined if there were none. */
  | { readonly run: Convergence<unknown>; readonly changed: string | undefined; readonly failure: undefined }
  | { readonly run: Convergence<unknown>; readonly failure: Failure }
  /** It could not even be seen how things are. */
  | { readonly run: undefined; readonly failure: Failure };

export interface Failure {
  readonly error: unknown;
  readonly decision: Decision;
  /** The step that failed. */
  readonly what: string | undefined;
}

export interface AttemptOptions {
  readonly allowReplace: boolean;
  /** A reason of this one load balancer to stop before the next step, as `mayWrite` is one of all. */
  readonly mayGoOn?: () => string | undefined;
  /** Called before the first step of a change, however many attempts it takes. */
  readonly onStart?: () => void;
  readonly signal: AbortSignal;
}

/** Between a provider and those who want something of it: when it may be asked, what was done, what comes next. */
export class ProviderRunner {
  readonly #mayWrite: () => string | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waits: WaitLedger;
  /** Per provider: until when (monotonic) it asked to be left alone. */
  readonly #pausedUntil = new Map<string, number>();
  /** By UID: changes that have begun and are not over. */
  readonly #changes = new Map<string, Change>();

  constructor(mayWrite: () => string | undefined, clock: Clock, logger: Logger) {
    this.#mayWrite = mayWrite;
    this.#clock = clock;
    this.#logger = logger;
    this.#waits = new WaitLedger(clock);
  }

  /** Milliseconds that the provider wants to be left alone yet. */
  pauseOf(provider: string): number | undefined {
    const left = (this.#pausedUntil.get(provider) ?? 0) - this.#clock.monotonic();
    return left > 0 ? left : undefined;
  }

  /** Brings one load balancer as far as it comes now. Throws `StoppedError` when it may not go on. */
  async attempt(
    adapter: ProviderAdapter,
    id: LbIdentity,
    desired: Desired | null,
    { allowReplace, mayGoOn, onStart, signal }: AttemptOptions,
  ): Promise<Attempt> {
    const about = { service: `${id.namespace}/${id.name}`, provider: adapter.name };
    const teardown = desired === null;
    const mayWrite = (): string | undefined => this.#mayWrite() ?? mayGoOn?.();
    let run: Convergence<unknown>;
    try {
      run = await converge(adapter, { kind: "service", id }, desired, {
        time: this.#waits.timeFor(id.uid),
        allowReplace,
        mayWrite,
        onStart: ({ summary }) => {
          if (this.#changes.get(id.uid)?.teardown === teardown) return;
          this.#changes.set(id.uid, { teardown, begunAt: this.#clock.monotonic(), done: [] });
          this.#logger.info(teardown ? "load balancer goes" : "load balancer changes", { ...about, plan: summary });
          onStart?.();
        },
        signal,
      });
    } catch (error) {
      throwIf(mayWrite());
      return { run: undefined, failure: { error, decision: decide(error), what: undefined } };
    }
    throwIf(mayWrite());
    this.#waits.note(id.uid, run.plan.waits);
    const change = this.#changes.get(id.uid);
    for (const { state, step } of run.outcomes)
      if (state === "done") change?.done.push(`${step.action} ${step.target}`);
    const failed = run.outcomes.find((outcome) => outcome.state === "failed");
    if (failed !== undefined)
      return { run, failure: { error: failed.error, decision: decide(failed.error), what: failed.step.target } };
    if (change === undefined || !isConverged(run.plan)) return { run, changed: undefined, failure: undefined };
    this.#changes.delete(id.uid);
    const durationMs = Math.round(this.#clock.monotonic() - change.begunAt);
    this.#logger.info(teardown ? "load balancer gone" : "load balancer changed", { ...about, durationMs });
    return { run, changed: change.done.length === 0 ? undefined : change.done.join(", "), failure: undefined };
  }

  /** When to try again what failed; throws the error where that is up to the key's back-off. */
  next(provider: string, { error, decision }: Failure): WorkResult {
    switch (decision.kind) {
      case "backOff":
        throw error;
      case "pause":
        this.#pausedUntil.set(provider, this.#clock.monotonic() + decision.forMs);
        return { requeueAfterMs: decision.forMs };
      case "park":
        return { requeueAfterMs: decision.forMs };
      default:
        return assertNever(decision, "decision");
    }
  }
}

interface Change {
  readonly teardown: boolean;
  readonly begunAt: number;
  readonly done: string[];
}

function throwIf(why: string | undefined): void {
  if (why !== undefined) throw new StoppedError(why);
}

/** When to look again at what is not over and did not fail. */
export function pollAfter({ plan, outcomes }: Convergence<unknown>): number {
  const pending = outcomes.filter((outcome) => outcome.state === "pending");
  return Math.min(...[...plan.waits, ...pending].map(({ pollAfterMs }) => pollAfterMs), 60_000);
}
