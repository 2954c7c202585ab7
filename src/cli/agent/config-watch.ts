import { readFile } from "node:fs/promises";
import { type Clock, FailureError, sleep } from "../../base/index.ts";
import { type ConfigFile, hashOf } from "./config-file.ts";

const lookMs = 5000;

/**
 * Does the work until it ends, or ends it with FailureError when the file holds something else than was read: as
 * kube-proxy, to be started again with it. Looks at the text itself, for a ConfigMap's volume swaps links and editors
 * write new files; a file that cannot be read for now is no change.
 */
export async function untilChanged(
  file: Pick<ConfigFile, "path" | "hash">,
  signal: AbortSignal,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  let change: FailureError | undefined;
  async function watch(): Promise<void> {
    await firstChange(file, either, clock);
    change = new FailureError(`--config ${file.path}: the file has changed; ended, to be started again with it`);
    end.abort(change);
  }
  // Only an abort ends the watch without a change.
  const watching = watch().catch(() => {});
  try {
    await work(either);
  } catch (error) {
    if (change === undefined) throw error;
  } finally {
    end.abort(new Error("the work is over"));
    await watching;
  }
  if (change !== undefined) throw change;
}

async function firstChange(
  { path, hash }: Pick<ConfigFile, "path" | "hash">,
  signal: AbortSignal,
  clock: Clock,
): Promise<void> {
  for (;;) {
    await sleep(lookMs, signal, clock);
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text !== undefined && hashOf(text) !== hash) return;
  }
}
