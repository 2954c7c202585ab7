import { onAbort } from "../base/index.ts";

/** The promise, or the signal's reason when that comes first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const listener = onAbort(signal, () => reject(signal.reason));
  return Promise.race([promise, aborted]).finally(() => listener[Symbol.dispose]());
}
