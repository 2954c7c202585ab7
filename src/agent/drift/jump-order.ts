import { Backoff, type Clock, type Random } from "../../base/index.ts";
import type { Family } from "../../net/index.ts";
import type { TableName } from "../plan/index.ts";

/** Others may insist on the same: a fight gets slower and slower. */
const pace = { baseMs: 5000, capMs: 600_000, jitter: 0.1 } as const;

interface Chain {
  readonly backoff: Backoff;
  movedAt: number;
  waitMs: number;
  timer: Disposable | undefined;
}

export interface JumpOrderOptions {
  /** Whether our jumps are moved above foreign rules at all. */
  readonly enforced: boolean;
  /** Called when the jumps of a chain that was disputed may be moved. */
  readonly again: (family: Family, table: TableName, chain: string) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/** Decides when our jumps may be moved above foreign rules: at once, and then with back-off. */
export class JumpOrder implements Disposable {
  readonly #options: JumpOrderOptions;
  readonly #chains = new Map<string, Chain>();

  constructor(options: JumpOrderOptions) {
    this.#options = options;
  }

  mayMove(family: Family, table: TableName, chain: string): boolean {
    const { enforced, clock } = this.#options;
    if (!enforced) return false;
    const state = this.#chains.get(`${family} ${table} ${chain}`);
    return state === undefined || clock.monotonic() >= state.movedAt + state.waitMs;
  }

  moved(family: Family, table: TableName, chain: string): void {
    const { clock, random } = this.#options;
    const now = clock.monotonic();
    const key = `${family} ${table} ${chain}`;
    const state = this.#chains.get(key);
    const backoff = state?.backoff ?? new Backoff(pace, random);
    // Nobody disputed the place for a long time.
    if (state !== undefined && now > state.movedAt + state.waitMs + pace.capMs) backoff.reset();
    state?.timer?.[Symbol.dispose]();
    this.#chains.set(key, { backoff, movedAt: now, waitMs: backoff.next(), timer: undefined });
  }

  /** There are foreign rules above our jumps that must not be moved yet. */
  disputed(family: Family, table: TableName, chain: string): void {
    const { clock, again } = this.#options;
    const state = this.#chains.get(`${family} ${table} ${chain}`);
    if (state === undefined || state.timer !== undefined) return;
    state.timer = clock.schedule(
      () => {
        state.timer = undefined;
        again(family, table, chain);
      },
      state.movedAt + state.waitMs - clock.monotonic(),
    );
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#chains.values()) timer?.[Symbol.dispose]();
  }
}
