/** Time as the code sees it; tests inject their own. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. Only for what people read; never for durations. */
  now(): number;
  /** Monotonic clock in milliseconds from an arbitrary origin; for every duration and deadline. */
  monotonic(): number;
  /** Calls `run` once after `delayMs` unless disposed before. */
  schedule(run: () => void, delayMs: number): Disposable;
}

/** The longest delay a Node timer takes; a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(run, delayMs) {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), maxTimerMs));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
