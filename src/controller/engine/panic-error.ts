import { errorMessage } from "../../base/index.ts";
import { ProviderError } from "../../provider/index.ts";

/** What conditions call it. */
export const panicReason = "ProviderFailed";

/** An adapter threw where it can only compute, or threw what is no error: a mistake in it, not the world's doing. */
export class PanicError extends Error {
  override readonly name = "PanicError";

  constructor(provider: string, method: string, cause: unknown) {
    super(`provider ${provider} failed in ${method}: ${errorMessage(cause)}`, { cause });
  }
}

/** Runs what is pure; anything but an error made for the engine is a panic. */
export function orPanic<T>(provider: string, method: string, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    throw error instanceof ProviderError ? error : new PanicError(provider, method, error);
  }
}

/** Awaits what speaks to the world: there any `Error` may pass by itself. */
export async function orPanicAsync<T>(provider: string, method: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof Error ? error : new PanicError(provider, method, error);
  }
}
