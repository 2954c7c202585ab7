// Real clusters that this machine holds, alive or dead.
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deadRuns, type Run } from "../../sandbox/cluster/registry.ts";
import { removeRun } from "../../sandbox/cluster/sweep.ts";
import type { Exec } from "../../src/kernel/index.ts";
import { cgroupsOf, removeCgroups } from "./cgroups.ts";

/** Where they are recorded: on a disk, as what their nodes unpack lies there too. */
export const clustersRoot: string = join(tmpdir(), "berth-real");

/** Removes what clusters have left whose process has ended, with the cgroups of their containers. */
export async function sweepClusters(exec: Exec, signal: AbortSignal): Promise<void> {
  for (const run of await deadRuns(clustersRoot)) await removeCluster(exec, run, signal);
}

/** Ends every process of a cluster and removes all that it has made. */
export async function removeCluster(exec: Exec, run: Run, signal: AbortSignal): Promise<void> {
  const directories = (await readdir(run.dir)).map((name) => join(run.dir, name));
  const cgroups = (await Promise.all(directories.map(cgroupsOf))).flat();
  await removeRun(exec, run, signal);
  await removeCgroups(cgroups, signal);
}
