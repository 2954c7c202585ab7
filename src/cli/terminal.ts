import { isatty } from "node:tty";
import { type Clock, onAbort, systemClock } from "../base/index.ts";

/** Whether standard output is a terminal, and it is still there. */
export function onTerminal(): boolean {
  return isatty(1);
}

/**
 * A signal that aborts with `signal`, and when the terminal of a process that was started on one has gone away. The
 * kernel tells that to the leader of the session alone, and a leader such as `make` keeps it for itself.
 */
export function whileTerminal(
  signal: AbortSignal,
  isThere: () => boolean = onTerminal,
  clock: Clock = systemClock,
): Disposable & { readonly signal: AbortSignal } {
  const end = new AbortController();
  const listener = onAbort(signal, () => end.abort(signal.reason));
  let timer: Disposable | undefined;
  function look(): void {
    if (isThere()) timer = clock.schedule(look, lookMs);
    else end.abort(new Error("the terminal has gone away"));
  }
  if (isThere()) look();
  return {
    signal: end.signal,
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      listener[Symbol.dispose]();
    },
  };
}

const lookMs = 1000;
