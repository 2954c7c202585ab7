import { type Clock, onAbort, withTimeout } from "../../base/index.ts";

/** No look at one key takes longer. */
const limitMs = 600_000;

/** A reconcile was left behind, as it took too long. */
export class ReconcileTimeoutError extends Error {
  override readonly name = "ReconcileTimeoutError";
}

/** Gives the worker back after ten minutes, even when an adapter ignores its signal; then it writes nothing more. */
export async function withinLimit<T>(
  key: string,
  end: AbortSignal,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using limit = withTimeout(end, limitMs, `reconcile ${key}`, clock);
  const { promise: late, reject } = Promise.withResolvers<never>();
  using _ = onAbort(limit.signal, () => {
    if (!end.aborted) reject(new ReconcileTimeoutError(`reconcile ${key} took longer than ${limitMs} ms`));
  });
  return await Promise.race([work(limit.signal), late]);
}
