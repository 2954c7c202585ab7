import type { Clock } from "../../../src/base/index.ts";
import type { LbIdentity } from "../../../src/model/index.ts";
import type { ScopeKey } from "../../../src/provider/index.ts";
import type { ObservedTarget } from "../observation.ts";
import { isNotFound } from "./owned.ts";

const tickMs = 5000;
/** At most two a second, as of everything that costs a request for each object. */
const perTick = 10;
const settledMs = 30_000;
/** Of a group with targets that AWS has not checked yet. */
const unsettledMs = 10_000;

interface Watched {
  readonly id: LbIdentity;
  readonly states: string;
  readonly isSettled: boolean;
  /** Monotonic: when it was read. */
  readonly at: number;
}

/** Looks at the health of the targets behind all load balancers, a few at a time, as AWS tells nobody when it changes. */
export class HealthWatch {
  readonly #read: (arn: string, signal: AbortSignal) => Promise<readonly ObservedTarget[]>;
  readonly #clock: Clock;
  /** By the ARN of the target group. */
  readonly #watched = new Map<string, Watched>();

  constructor(read: (arn: string, signal: AbortSignal) => Promise<readonly ObservedTarget[]>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** So they were seen; from now on it is told when they are otherwise. */
  note(id: LbIdentity, arn: string, targets: readonly ObservedTarget[]): void {
    const states = targets.map(textOf).sort();
    const isSettled = !targets.some(isPassing);
    this.#watched.set(arn, { id, states: states.join(), isSettled, at: this.#clock.monotonic() });
  }

  watch(onChange: (key: ScopeKey) => void): Disposable {
    const ending = new AbortController();
    let timer: Disposable | undefined;
    const next = (): void => {
      if (ending.signal.aborted) return;
      timer = this.#clock.schedule(() => void this.#tick(onChange, ending.signal).finally(next), tickMs);
    };
    next();
    return {
      [Symbol.dispose]: () => {
        ending.abort(new Error("health is not watched any more"));
        timer?.[Symbol.dispose]();
      },
    };
  }

  async #tick(onChange: (key: ScopeKey) => void, signal: AbortSignal): Promise<void> {
    for (const arn of this.#due()) {
      const before = this.#watched.get(arn);
      if (before === undefined) continue;
      try {
        this.note(before.id, arn, await this.#read(arn, signal));
      } catch (error) {
        if (isNotFound(error)) this.#watched.delete(arn);
        // Who works on it will hear what is wrong with AWS; next time is soon enough here.
        else return;
      }
      const after = this.#watched.get(arn);
      if (after?.states !== before.states) onChange({ kind: "members", id: before.id });
    }
  }

  /** The longest unseen first; with many load balancers, half of them such as somebody waits for. */
  #due(): readonly string[] {
    const now = this.#clock.monotonic();
    const due = [...this.#watched]
      .filter(([, { at, isSettled }]) => now - at >= (isSettled ? settledMs : unsettledMs))
      .sort(([, a], [, b]) => a.at - b.at);
    const urgent = due.filter(([, { isSettled }]) => !isSettled).slice(0, perTick / 2);
    return [...new Set([...urgent, ...due])].slice(0, perTick).map(([arn]) => arn);
  }
}

function isPassing({ state }: ObservedTarget): boolean {
  return state === "initial" || state === "draining";
}

/** How far it is on its way from one state to the next is no news. */
function textOf(one: ObservedTarget): string {
  return `${one.id}:${one.port} ${one.state}${isPassing(one) ? "" : ` ${one.reason}`}`;
}
