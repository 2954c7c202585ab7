import { randomUUID } from "node:crypto";
import type { Clock } from "../../src/base/index.ts";
import { contentHash, NotSentError, ProviderError, type StepResult } from "../../src/provider/index.ts";
import { callOf, pollOf } from "./calls.ts";
import { type Answer, type ComputeClient, isLost } from "./client.ts";
import { providerError } from "./errors.ts";
import { failureOfOperation } from "./failures.ts";
import { commandFor, type FirewallAction, isOfFirewall } from "./gcloud.ts";
import type { Refusals } from "./refusals.ts";
import { type Action, type Ref, refText, targetOf } from "./resources.ts";
import type { Settings } from "./settings.ts";

/** A change of which the end is not known yet. */
interface Change {
  readonly target: Ref;
  readonly requestId: string;
  readonly begunAt: number;
  /** Undefined when no answer came: sent again with the same id it tells its operation, if it has one. */
  readonly operation: string | undefined;
}

export interface WriterOptions {
  readonly client: ComputeClient;
  readonly settings: Settings;
  readonly refusals: Refusals;
  readonly clock: Clock;
  /** How soon to ask again how far an operation is. */
  readonly pollMs: number;
}

/** An operation that nobody asked for so long is nobody's any more: its resource says how it ended. */
const forgetMs = 600_000;

/**
 * Makes changes, each an operation that goes on after its request. What is not over is remembered by its content, so
 * the same change asked for again is looked after rather than made again. A new process finds resources by their names.
 */
export class Writer {
  readonly #client: ComputeClient;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #refusals: Refusals;
  /** By the content of the action. */
  readonly #changes = new Map<string, Change>();

  constructor({ client, settings, refusals, clock, pollMs }: WriterOptions) {
    this.#refusals = refusals;
    this.#client = client;
    this.#settings = settings;
    this.#clock = clock;
    this.#pollMs = pollMs;
  }

  /**
   * Forgets operations on such resources that are over: nobody may have asked again, as the effect was seen
   * before. How one failed is told to whoever asks for the same change again.
   */
  async settle(fits: (target: Ref) => boolean, signal: AbortSignal): Promise<void> {
    for (const { key, answer } of await this.#running(fits, signal))
      if (answer === undefined || (isDone(answer) && failureOfOperation(answer) === undefined))
        this.#changes.delete(key);
  }

  /** Whether an operation on such a resource goes on. */
  async isBusy(fits: (target: Ref) => boolean, signal: AbortSignal): Promise<boolean> {
    return (await this.#running(fits, signal)).some(({ answer }) => answer !== undefined && !isDone(answer));
  }

  /** Whether the action goes on already, or may. */
  knows(action: Action): boolean {
    return this.#changes.has(contentHash(action));
  }

  async apply(action: Action, signal: AbortSignal): Promise<StepResult> {
    try {
      return await this.#advance(action, signal);
    } catch (error) {
      if (!this.#refusals.explains(action, error)) throw error;
      return { state: "pending", what: `${whatOf(action)} without what was refused`, pollAfterMs: 0 };
    }
  }

  async #advance(action: Action, signal: AbortSignal): Promise<StepResult> {
    this.#forget();
    const key = contentHash(action);
    const known = this.#changes.get(key);
    return known?.operation === undefined
      ? await this.#begin(key, action, known, signal)
      : await this.#poll(key, action, known.operation, signal);
  }

  async #begin(key: string, action: Action, known: Change | undefined, signal: AbortSignal): Promise<StepResult> {
    const change = known ?? this.#newChange(action);
    this.#changes.set(key, change);
    try {
      const answer = await this.#client.call(callOf(action, this.#settings, change.requestId), signal);
      return this.#conclude(key, action, operationOf(answer), change);
    } catch (error) {
      if (error instanceof NotSentError ? known === undefined : !isLost(error)) this.#changes.delete(key);
      throw isForbidden(error) && isOfFirewall(action) ? byHand(action, this.#settings, error) : error;
    }
  }

  /** Operations as they are now; undefined for one that is not known any more. */
  async #running(
    fits: (target: Ref) => boolean,
    signal: AbortSignal,
  ): Promise<readonly { readonly key: string; readonly answer: Answer | undefined }[]> {
    const polls = [...this.#changes].flatMap(([key, { target, operation }]) =>
      operation === undefined || !fits(target) ? [] : [this.#look(key, target, operation, signal)],
    );
    return await Promise.all(polls);
  }

  async #look(
    key: string,
    target: Ref,
    operation: string,
    signal: AbortSignal,
  ): Promise<{ readonly key: string; readonly answer: Answer | undefined }> {
    const call = pollOf(target, operation, this.#settings);
    return { key, answer: await this.#client.call(call, signal).catch(unlessMissing) };
  }

  async #poll(key: string, action: Action, operation: string, signal: AbortSignal): Promise<StepResult> {
    const change = this.#changes.get(key);
    const { answer } = await this.#look(key, targetOf(action), operation, signal);
    if (answer !== undefined) return this.#conclude(key, action, answer, change);
    // It is so long over that it is not known any more; how it ended is to be seen.
    this.#changes.delete(key);
    return { state: "pending", what: `${whatOf(action)} is over`, pollAfterMs: 0 };
  }

  /** What has no name and no state is no operation, and nothing is known of it. */
  #conclude(key: string, action: Action, operation: Answer, change: Change | undefined): StepResult {
    const { name } = operation;
    if (!isDone(operation)) {
      if (typeof name !== "string" || name === "") throw new Error(`${whatOf(action)}: the answer names no operation`);
      if (change !== undefined) this.#changes.set(key, { ...change, operation: name });
      return { state: "pending", what: `Google Cloud works on it: ${whatOf(action)}`, pollAfterMs: this.#pollMs };
    }
    this.#changes.delete(key);
    const failure = failureOfOperation(operation);
    if (failure === undefined) return { state: "done" };
    throw providerError(failure, callOf(action, this.#settings, "").attempt);
  }

  #newChange(action: Action): Change {
    const begunAt = this.#clock.monotonic();
    return { target: targetOf(action), requestId: randomUUID(), begunAt, operation: undefined };
  }

  #forget(): void {
    const now = this.#clock.monotonic();
    for (const [key, { begunAt }] of this.#changes) if (now - begunAt > forgetMs) this.#changes.delete(key);
  }
}

function isDone({ status }: Answer): boolean {
  return status === "DONE";
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof ProviderError && error.fault.kind === "notFound") return undefined;
  throw error;
}

function isForbidden(error: unknown): error is ProviderError {
  return error instanceof ProviderError && error.fault.kind === "forbidden";
}

/** Whoever administers a network that several projects share often lets nobody else near its firewall. */
function byHand(action: FirewallAction, settings: Settings, error: ProviderError): ProviderError {
  const remedy = `let the controller change firewall rules, or run: ${commandFor(action, settings)}`;
  return new ProviderError({ kind: "blocked", reason: "FirewallForbidden", remedy }, error.message, { cause: error });
}

/** The client wraps it, with an id for its name. */
function operationOf(answer: Answer): Answer {
  return (answer["latestResponse"] as Answer | undefined) ?? answer;
}

function whatOf(action: Action): string {
  return `${action.verb} ${refText(targetOf(action))}`;
}
