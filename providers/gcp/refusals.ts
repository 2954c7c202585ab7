import type { Clock } from "../../src/base/index.ts";
import { missingMachines } from "./errors.ts";
import { type Action, type Ref, refText, targetOf } from "./resources.ts";

/** A machine that Google Cloud does not take into a group. */
export interface RefusedMachine {
  readonly instance: string;
  readonly why: string;
}

/** So long Google Cloud is not asked again. */
const keptMs = 5 * 60_000;

/** Machines that were refused though there is a node of theirs: one must not keep out all that come with it. */
export class Refusals {
  readonly #clock: Clock;
  /** By the group and the machine; `at` is when (monotonic). */
  readonly #refused = new Map<string, Map<string, { readonly at: number; readonly why: string }>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the failure is that of machines which it names, so that the action may succeed without them. */
  explains(action: Action, error: unknown): boolean {
    if (action.verb !== "attach" || !(error instanceof Error)) return false;
    const missing = new Set(missingMachines(error.message));
    const named = action.endpoints.filter(({ instance }) => missing.has(instance));
    const group = refText(targetOf(action));
    const known = this.#refused.get(group) ?? new Map<string, { at: number; why: string }>();
    if (named.length > 0) this.#refused.set(group, known);
    for (const { instance } of named) known.set(instance, { at: this.#clock.monotonic(), why: error.message });
    return named.length > 0;
  }

  of(group: Ref): readonly RefusedMachine[] {
    const text = refText(group);
    const known = this.#refused.get(text);
    if (known === undefined) return [];
    const now = this.#clock.monotonic();
    for (const [instance, { at }] of known) if (now - at >= keptMs) known.delete(instance);
    if (known.size === 0) this.#refused.delete(text);
    return [...known].map(([instance, { why }]) => ({ instance, why }));
  }
}
