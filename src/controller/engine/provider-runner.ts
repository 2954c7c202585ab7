import { assertNever, type Clock } from "../../base/index.ts";
import type { WorkResult } from "../../kube/index.ts";
import {
  contentHash,
  type Decision,
  type Desired,
  decide,
  isConverged,
  NotSentError,
  type ProviderAdapter,
  type ScopeKey,
} from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { Circuit } from "./circuit.ts";
import { type Convergence, converge } from "./convergence.ts";
import { LaterError } from "./later-error.ts";
import { Pacer } from "./pacer.ts";
import { PanicError, panicReason } from "./panic-error.ts";
import { scopeName } from "./scope-name.ts";
import type { Snapshots } from "./snapshots.ts";
import { StoppedError } from "./stopped-error.ts";
import { WaitLedger } from "./wait-ledger.ts";
import { Waiters } from "./waiters.ts";

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
  /** It was done once, says what outlived us: a snapshot may prove that it still is. */
  readonly likelyDone?: boolean;
  /** A reason of this one scope to stop before the next step, as `mayWrite` is one of all. */
  readonly mayGoOn?: () => string | undefined;
  /** Called before the first step of a change, however many attempts it takes. */
  readonly onStart?: () => void;
  /** Called when a scope that the plan waits for has come further. */
  readonly wake?: () => void;
  readonly signal: AbortSignal;
}

export interface RunnerOptions {
  /** Asked before each step; a text says why nothing may be written any more. */
  readonly mayWrite: () => string | undefined;
  readonly circuit: Circuit;
  readonly snapshots: Snapshots;
  /** What was found fulfilled so long ago is due to be checked, with many others. */
  readonly checkAfterMs: number;
  /** Called when a scope is to be changed that was as asked, though nothing else is asked for. */
  readonly onDrift: (provider: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Whatever is waited for is looked at again so often at least. */
const slowestPollMs = 300_000;
/** What no batch tells of is checked one after the other. */
const checksPerSecond = 2;

/** Between a provider and those who want something of it: when it may be asked, what was done, what comes next. */
export class ProviderRunner {
  readonly #options: RunnerOptions;
  readonly #waits: WaitLedger;
  readonly #waiters = new Waiters();
  /** By provider. */
  readonly #pacers = new Map<string, Pacer>();
  /** By scope: changes that have begun and are not over. */
  readonly #changes = new Map<string, Change>();
  /** By scope: when it was seen last (monotonic), and the hash of the wish if that was found fulfilled. */
  readonly #seen = new Map<string, { readonly fulfilled: string | undefined; readonly at: number }>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#waits = new WaitLedger(options.clock);
  }

  /** Milliseconds that the provider wants to be left alone yet. */
  pauseOf(provider: string): number | undefined {
    return this.#options.circuit.pauseOf(provider);
  }

  /** Something was heard of the scope: what was read of it before does not count any more. */
  doubt(provider: string, key: ScopeKey): void {
    this.#options.snapshots.doubt(provider, key);
  }

  /** Brings one scope as far as it comes now. Throws `StoppedError` when it may not go on, `LaterError` when it has time. */
  async attempt(
    adapter: ProviderAdapter,
    key: ScopeKey,
    desired: Desired | null,
    options: AttemptOptions,
  ): Promise<Attempt> {
    const name = scopeName(adapter.name, key);
    const mayWrite = (): string | undefined => this.#mayWrite(options);
    const wish = contentHash(desired);
    const seen = this.#seen.get(name);
    const isLikelyDone = seen === undefined ? options.likelyDone === true : seen.fulfilled === wish;
    const isDue = seen === undefined || this.#options.clock.monotonic() - seen.at >= this.#options.checkAfterMs;
    let run: Convergence<unknown>;
    try {
      const snapshot = isLikelyDone ? await this.#options.snapshots.of(adapter, key, isDue, options.signal) : undefined;
      if (snapshot === undefined && seen !== undefined && isLikelyDone && isDue) this.#awaitTurn(adapter.name, name);
      run = await converge(adapter, key, desired, {
        time: this.#waits.timeFor(name),
        allowReplace: options.allowReplace,
        mayWrite,
        onStart: ({ summary }) => {
          if (seen?.fulfilled === wish) this.#options.onDrift(adapter.name);
          this.#begin(adapter.name, key, desired === null, summary, options.onStart);
        },
        snapshot,
        signal: options.signal,
      });
    } catch (error) {
      throwIf(mayWrite());
      if (error instanceof LaterError) throw error;
      return { run: undefined, failure: failureOf(error, undefined) };
    } finally {
      if (this.#changes.has(name)) this.doubt(adapter.name, key);
    }
    throwIf(mayWrite());
    this.#waits.note(name, run.plan.waits);
    const on = run.plan.waits.flatMap((wait) => (wait.on === undefined ? [] : scopeName(adapter.name, wait.on)));
    this.#waiters.note(name, options.wake === undefined ? [] : on, () => options.wake?.());
    const fulfilled = isConverged(run.plan) ? wish : undefined;
    if (desired === null) this.#seen.delete(name);
    else this.#seen.set(name, { fulfilled, at: this.#options.clock.monotonic() });
    return this.#conclude(adapter.name, key, run);
  }

  /** How a scope is now, without doing anything about it. */
  async look(
    adapter: ProviderAdapter,
    key: ScopeKey,
    signal: AbortSignal,
  ): Promise<{ readonly observed: unknown; readonly failure?: Failure }> {
    try {
      const snapshot = await this.#options.snapshots.of(adapter, key, false, signal);
      return { observed: await adapter.observe(key, snapshot === undefined ? "live" : snapshot.value, signal) };
    } catch (error) {
      return { observed: null, failure: failureOf(error, undefined) };
    }
  }

  /** When to try again what failed; throws the error where that is up to the key's back-off. */
  next(provider: string, { error, decision }: Failure): WorkResult {
    switch (decision.kind) {
      case "backOff":
        throw error;
      case "pause":
        return { requeueAfterMs: this.pauseOf(provider) ?? decision.forMs };
      case "park":
        return { requeueAfterMs: decision.forMs };
      default:
        return assertNever(decision, "decision");
    }
  }

  /** Throws `LaterError` unless it is this scope's turn to be checked by a call of its own. */
  #awaitTurn(provider: string, name: string): void {
    const pacer = this.#pacers.get(provider) ?? new Pacer(checksPerSecond, this.#options.clock);
    this.#pacers.set(provider, pacer);
    const waitMs = pacer.waitOf(name);
    if (waitMs !== undefined) throw new LaterError(waitMs);
  }

  #mayWrite({ mayGoOn, signal }: AttemptOptions): string | undefined {
    return this.#options.mayWrite() ?? mayGoOn?.() ?? (signal.aborted ? "the time for it is over" : undefined);
  }

  #begin(provider: string, key: ScopeKey, teardown: boolean, plan: string, onStart?: () => void): void {
    const { clock, logger } = this.#options;
    const name = scopeName(provider, key);
    if (this.#changes.get(name)?.teardown === teardown) return;
    this.#changes.set(name, { teardown, begunAt: clock.monotonic(), done: [] });
    logger.info(teardown ? "load balancer goes" : "load balancer changes", { ...about(provider, key), plan });
    onStart?.();
  }

  #conclude(provider: string, key: ScopeKey, run: Convergence<unknown>): Attempt {
    const { clock, logger } = this.#options;
    const name = scopeName(provider, key);
    const change = this.#changes.get(name);
    for (const { state, step } of run.outcomes)
      if (state === "done") change?.done.push(`${step.action} ${step.target}`);
    // What came further may be far enough already for those who wait for it.
    if (isConverged(run.plan) || run.outcomes.some(({ state }) => state === "done")) this.#waiters.moved(name);
    const failed = run.outcomes.find((outcome) => outcome.state === "failed");
    if (failed !== undefined) return { run, failure: failureOf(failed.error, failed.step.target) };
    if (!isConverged(run.plan)) return { run, changed: undefined, failure: undefined };
    this.#changes.delete(name);
    if (change === undefined) return { run, changed: undefined, failure: undefined };
    const durationMs = Math.round(clock.monotonic() - change.begunAt);
    logger.info(change.teardown ? "load balancer gone" : "load balancer changed", {
      ...about(provider, key),
      durationMs,
    });
    return { run, changed: change.done.length === 0 ? undefined : change.done.join(", "), failure: undefined };
  }
}

interface Change {
  readonly teardown: boolean;
  readonly begunAt: number;
  readonly done: string[];
}

/** Fields of a log line. */
function about(provider: string, key: ScopeKey): { readonly provider: string; readonly service?: string; key: string } {
  const name = scopeName(provider, key);
  return key.kind === "shared"
    ? { provider, key: name }
    : { provider, key: name, service: `${key.id.namespace}/${key.id.name}` };
}

function failureOf(error: unknown, what: string | undefined): Failure {
  if (error instanceof NotSentError) throw new StoppedError(error.message);
  if (error instanceof PanicError)
    return { error, decision: { kind: "backOff", reason: panicReason }, what: undefined };
  return { error, decision: decide(error), what };
}

function throwIf(why: string | undefined): void {
  if (why !== undefined) throw new StoppedError(why);
}

/** When to look again at what is not over and did not fail. */
export function pollAfter({ plan, outcomes }: Convergence<unknown>): number {
  const pending = outcomes.filter((outcome) => outcome.state === "pending");
  return Math.min(...[...plan.waits, ...pending].map(({ pollAfterMs }) => pollAfterMs), slowestPollMs);
}
