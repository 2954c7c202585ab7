import { type Clock, systemClock } from "./clock.ts";

/** Runs `listener` once when the signal aborts (at once if it is aborted already), until disposed. */
export function onAbort(signal: AbortSignal, listener: () => void): Disposable {
  if (signal.aborted) {
    listener();
    return { [Symbol.dispose]() {} };
  }
  // A listener takes nothing: not the event either, which a promise's `resolve` would hand on as its value.
  const onEvent = (): void => listener();
  signal.addEventListener("abort", onEvent, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", onEvent) };
}

/** Resolves when the signal aborts: how a command waits for its ordinary end. */
export function untilAbort(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  onAbort(signal, resolve);
  return promise;
}

/** Resolves after `delayMs`; rejects with the signal's reason when it aborts before. */
export function sleep(delayMs: number, signal: AbortSignal, clock: Clock = systemClock): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal.aborted) {
    reject(signal.reason);
    return promise;
  }
  const timer = clock.schedule(resolve, delayMs);
  const listener = onAbort(signal, () => reject(signal.reason));
  return promise.finally(() => {
    timer[Symbol.dispose]();
    listener[Symbol.dispose]();
  });
}

/** A signal that aborts with `signal` or after `timeoutMs`, with an error that says what took too long. */
export function withTimeout(
  signal: AbortSignal,
  timeoutMs: number,
  what: string,
  clock: Clock = systemClock,
): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const timer = clock.schedule(
    () => controller.abort(new Error(`${what}: no answer within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const listener = onAbort(signal, () => controller.abort(signal.reason));
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      listener[Symbol.dispose]();
    },
  };
}

/** The promise, or the signal's reason when that comes first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const listener = onAbort(signal, () => reject(signal.reason));
  return Promise.race([promise, aborted]).finally(() => listener[Symbol.dispose]());
}
