import { FailureError } from "../../src/base/index.ts";
import type { ControlPlane, Target } from "./target.ts";

const attempts = 5;

/**
 * What a script brought, on a target of its own. Once more when a repair loop of the real server's allocators got in
 * between: they race with the caches that they read, and now and then write an event about a Service.
 */
export async function undisturbed<T>(target: Target, run: (at: ControlPlane) => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    await using controlPlane = await target.start();
    const entries = await run(controlPlane);
    if (!/-repair-controller|; repairing/.test(JSON.stringify(entries))) return entries;
  }
  throw new FailureError(`events of a repair loop came into ${attempts} runs; try again on an idle machine`);
}
