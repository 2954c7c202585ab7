import { type Clock, onAbort } from "../base/index.ts";

/** Says "look again": rings are not counted, and one that nobody waits for is kept for the next who does. */
export class Bell {
  #rung = false;
  #answer: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#answer?.();
  }

  /** Resolves at the next ring, or after `timeoutMs`; rejects with the signal's reason. */
  async wait(signal: AbortSignal, timeoutMs: number, clock: Clock): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    using _listener = onAbort(signal, () => reject(signal.reason));
    using _timer = clock.schedule(resolve, timeoutMs);
    this.#answer = resolve;
    if (this.#rung) resolve();
    await promise;
    this.#rung = false;
  }
}
