import { vi } from "vitest";

/** Waits until the expectation holds, for longer than it takes on a machine that is busy with something else. */
export function eventually<T>(expectation: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(expectation, { timeout: 20_000, interval: 5 });
}
