import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { balancerNamespaces } from "../../providers/proxy/index.ts";
import { FailureError, sleep } from "../../src/base/index.ts";
import { type Exec, findProcess, ipBatch, listNetns, type ProcessId, signalProcess } from "../../src/kernel/index.ts";
import { namespacePrefix } from "./address-plan.ts";
import { balancerDir, deadRuns, type Run } from "./registry.ts";

/** Every process of a run carries the run's id in its environment, and so do the processes that these start. */
export function runMark(id: string): Readonly<Record<string, string>> {
  return { [markName]: id };
}

const markName = "BERTH_SANDBOX";

/** Removes what runs have left whose process has ended; returns their ids. Never looks at a run that lives. */
export async function sweep(exec: Exec, signal: AbortSignal, root?: string): Promise<string[]> {
  const runs = await deadRuns(root);
  for (const run of runs) await removeRun(exec, run, signal);
  return runs.map(({ id }) => id);
}

/** Removes everything that belongs to a run, the record last; throws when something cannot be removed. */
export async function removeRun(exec: Exec, run: Run, signal: AbortSignal): Promise<void> {
  // In one go and again until none is left: what is killed last may have started another.
  for (let left = await processesOf(run.id); left.length > 0; left = await processesOf(run.id)) {
    for (const process of left) signalProcess(process, "SIGKILL");
    await sleep(10, signal);
  }
  let names = await namespacesOf(exec, run, signal);
  while (names.length > 0) {
    const commands = names.map((name) => `netns del ${name}`);
    const cause = await ipBatch(exec, commands, { signal }).catch((error: unknown) => error);
    const left = await namespacesOf(exec, run, signal);
    // Another sweep may be at the same run; as long as fewer are left, one of the two gets on.
    if (left.length >= names.length) {
      const remedy = `remove them with 'ip netns delete' and then ${run.dir}`;
      throw new FailureError(`sandbox ${run.id}: namespaces ${left.join(", ")} remain; ${remedy}`, { cause });
    }
    names = left;
  }
  await rm(run.dir, { recursive: true, force: true });
  // The registry itself goes with its last run; while it holds another one it cannot.
  const registry = dirname(run.dir);
  for (const dir of [registry, dirname(registry)]) await rmdir(dir).catch(() => {});
}

async function namespacesOf(exec: Exec, run: Run, signal: AbortSignal): Promise<string[]> {
  const recorded = new Set(await balancerNamespaces(balancerDir(run)));
  const prefix = namespacePrefix(run.id);
  return (await listNetns(exec, { signal })).filter((name) => name.startsWith(prefix) || recorded.has(name));
}

export async function processesOf(id: string): Promise<ProcessId[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      // Before the look at its environment, so that both are of the same process when it is signalled.
      const process = findProcess(pid);
      // A process that has ended meanwhile, and a kernel thread, has no environment.
      const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      return environment.split("\0").includes(`${markName}=${id}`) ? process : undefined;
    }),
  );
  return found.filter((process) => process !== undefined);
}
