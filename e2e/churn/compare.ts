import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailureError, sleep, withTimeout } from "../../src/base/index.ts";
import { systemExec } from "../../src/kernel/index.ts";
import { Disturbance, isDisturbance } from "./disturbance.ts";
import { type Operation, operationsOf } from "./operations.ts";
import { advanceSentinel, hasSentinel } from "./sentinel.ts";
import type { Side } from "./side.ts";

/** The two that must not differ. */
export interface Pair {
  readonly real: Side;
  readonly sandbox: Side;
}

/** Far beyond what kube-proxy needs: reaching it means that it never comes. */
const patienceMs = 60_000;
const pollMs = 50;

/** Every Service and slice but those that each server makes for itself. */
const everything = ["get", "services,endpointslices,endpoints", "-A", "--field-selector=metadata.namespace!=default"];

/**
 * Does a round to both and throws a `FailureError` where they differ, a `Disturbance` where the real server is to blame;
 * how many operations it took.
 */
export async function compareRound(pair: Pair, seed: number, signal: AbortSignal): Promise<number> {
  const operations = operationsOf(seed);
  try {
    for (const operation of [...operations, ...advanceSentinel(seed)])
      await compare(pair, JSON.stringify(operation), (side) => side.perform(operation, signal), signal);
    await compare(pair, "objects", (side) => side.kubectl([...everything, "-o", "yaml"]), signal);
    await compare(pair, "tables", (side) => side.kubectl([...everything, "-o", "wide"]), signal);
    await compareRules(pair, seed, signal);
  } catch (error) {
    if (error instanceof Disturbance) throw error;
    throw new FailureError(`round with CHURN_SEED=${seed}:\n${describe(operations)}\n`, { cause: error });
  }
  return operations.length;
}

function describe(operations: readonly Operation[]): string {
  return operations.map((operation) => JSON.stringify(operation).slice(0, 400)).join("\n");
}

async function compare(
  { real, sandbox }: Pair,
  what: string,
  see: (side: Side) => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const [expected, seen] = await Promise.all([see(real), see(sandbox)]);
  if (expected === seen) return;
  if (await isDisturbance(real, expected, seen)) throw new Disturbance(what);
  throw new FailureError(`${what} differ:\n${await diff(expected, seen, signal)}`);
}

/** Waits until both kube-proxies know of the end of the round and have the same rules. */
async function compareRules({ real, sandbox }: Pair, round: number, signal: AbortSignal): Promise<void> {
  using limit = withTimeout(signal, patienceMs, "kube-proxy");
  for (;;) {
    const [expected, seen] = await Promise.all([real.rules(signal), sandbox.rules(signal)]);
    if (expected === seen && hasSentinel(expected, round)) return;
    if (limit.signal.aborted) {
      const late = [real, sandbox].filter((side) => !hasSentinel(side === real ? expected : seen, round));
      const who = late.map(({ name }) => `${name}: kube-proxy has not caught up\n`).join("");
      throw new FailureError(`rules differ:\n${who}${await diff(expected, seen, signal)}`);
    }
    await sleep(pollMs, signal);
  }
}

/** What `diff -u` says, for people to read. */
async function diff(expected: string, seen: string, signal: AbortSignal): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "berth-churn-diff-"));
  try {
    const files = [join(directory, "real"), join(directory, "sandbox")] as const;
    await Promise.all([writeFile(files[0], expected), writeFile(files[1], seen)]);
    return (await systemExec({ PATH: process.env["PATH"] }).run("diff", ["-u", ...files], { signal })).stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}
