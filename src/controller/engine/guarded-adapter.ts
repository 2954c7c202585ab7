import type { DesiredLoadBalancer, NodeTarget } from "../../model/index.ts";
import {
  type Capabilities,
  type Desired,
  decide,
  type HealthWatcher,
  type Identified,
  type Issue,
  type LbStatus,
  type OwnedObject,
  type Plan,
  type PlanStep,
  type PlanTime,
  type ProviderAdapter,
  type Recalling,
  type ScopeKey,
  type StepResult,
} from "../../provider/index.ts";
import { isHealthWatcher, isIdentified, isRecalling } from "../health.ts";
import type { Circuit } from "./circuit.ts";
import { orPanic, orPanicAsync } from "./panic-error.ts";

/**
 * An adapter as the engine uses it: it is not asked anything while its provider pauses, a throttled answer makes the
 * provider pause at once for all workers, and what it throws by mistake is told apart.
 */
export class GuardedAdapter implements ProviderAdapter {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** There when the adapter has it. */
  readonly watchHealth?: HealthWatcher["watchHealth"];
  /** The same. */
  readonly identity?: Identified["identity"];
  /** The same. */
  readonly recall?: Recalling["recall"];
  readonly #adapter: ProviderAdapter;
  readonly #circuit: Circuit;

  constructor(adapter: ProviderAdapter, circuit: Circuit) {
    this.name = adapter.name;
    this.capabilities = adapter.capabilities;
    this.#adapter = adapter;
    this.#circuit = circuit;
    if (isHealthWatcher(adapter)) this.watchHealth = (onChange) => adapter.watchHealth(onChange);
    if (isRecalling(adapter)) this.recall = (key, signal) => this.#ask("recall", () => adapter.recall(key, signal));
    if (isIdentified(adapter)) this.identity = (signal) => this.#ask("identity", () => adapter.identity(signal));
  }

  validate(desired: DesiredLoadBalancer): readonly Issue[] {
    return this.#compute("validate", () => this.#adapter.validate(desired));
  }

  scopes(desired: DesiredLoadBalancer): readonly ScopeKey[] {
    return this.#compute("scopes", () => this.#adapter.scopes(desired));
  }

  snapshot(keys: readonly ScopeKey[], signal: AbortSignal): Promise<unknown> {
    return this.#ask("snapshot", () => this.#adapter.snapshot(keys, signal));
  }

  observe(key: ScopeKey, from: unknown, signal: AbortSignal): Promise<unknown> {
    return this.#ask("observe", () => this.#adapter.observe(key, from, signal));
  }

  plan(key: ScopeKey, desired: Desired | null, observed: unknown, time: PlanTime): Plan {
    return this.#compute("plan", () => this.#adapter.plan(key, desired, observed, time));
  }

  apply(step: PlanStep, outputs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    return this.#ask("apply", () => this.#adapter.apply(step, outputs, signal));
  }

  status(desired: DesiredLoadBalancer, service: unknown, members: unknown, nodes: readonly NodeTarget[]): LbStatus {
    return this.#compute("status", () => this.#adapter.status(desired, service, members, nodes));
  }

  async *listOwned(clusterId: string, signal: AbortSignal): AsyncIterable<OwnedObject> {
    yield* await this.#ask("listOwned", () => Array.fromAsync(this.#adapter.listOwned(clusterId, signal)));
  }

  #compute<T>(method: string, compute: () => T): T {
    return orPanic(this.name, method, compute);
  }

  async #ask<T>(method: string, ask: () => Promise<T>): Promise<T> {
    this.#circuit.check(this.name);
    try {
      return await orPanicAsync(this.name, method, ask);
    } catch (error) {
      const decision = decide(error);
      if (decision.kind === "pause") this.#circuit.open(this.name, decision.scope, decision.forMs);
      throw error;
    }
  }
}
