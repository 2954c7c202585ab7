import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FailureError, type Random } from "../../src/base/index.ts";
import { findProcess, formatProcess, isRunning, type ProcessId, parseProcess } from "../../src/kernel/index.ts";

/** Where runs of this machine are recorded, one directory each. */
export const registryRoot = "/run/berth/sandboxes";

/** A sandbox on this machine, alive or dead. */
export interface Run {
  readonly id: string;
  readonly dir: string;
}

/** The controller's state directory: what it holds says which load balancers belong to the run. */
export function balancerDir({ dir }: Run): string {
  return join(dir, "balancers");
}

const ownerFile = "owner";
const claim = /^\.claim-(\d+)-(\d+)$/;

/** Records a new run of this process. The directory appears complete or not at all, so that no sweep mistakes it. */
export async function claimRun(random: Random, root: string = registryRoot): Promise<Run> {
  const owner = findProcess(process.pid);
  if (owner === undefined) throw new FailureError("/proc does not show this process; mount /proc and try again");
  const draft = join(root, `.claim-${owner.pid}-${owner.startTime}`);
  await mkdir(draft, { recursive: true, mode: 0o700 });
  await writeFile(join(draft, ownerFile), formatProcess(owner));
  for (;;) {
    const id = Math.floor(random() * 0x100_0000)
      .toString(16)
      .padStart(6, "0");
    const dir = join(root, id);
    try {
      await rename(draft, dir);
      return { id, dir };
    } catch (error) {
      const taken = ["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "");
      if (!taken) throw error;
    }
  }
}

/** The recorded runs whose process has ended. */
export async function deadRuns(root: string = registryRoot): Promise<Run[]> {
  const dead: Run[] = [];
  for (const name of await readdir(root).catch(() => [])) {
    const dir = join(root, name);
    const [, pid, startTime] = claim.exec(name) ?? [];
    if (pid !== undefined && startTime !== undefined) {
      // Claimed and never begun: there is nothing but the directory.
      if (!isRunning({ pid: Number(pid), startTime })) await rm(dir, { recursive: true, force: true });
    } else if (/^[0-9a-f]{6}$/.test(name)) {
      const owner = await readOwner(dir);
      if (owner !== undefined && !isRunning(owner)) dead.push({ id: name, dir });
    }
  }
  return dead.sort((a, b) => a.id.localeCompare(b.id));
}

/** Undefined when another sweep has just removed the run. */
async function readOwner(dir: string): Promise<ProcessId | undefined> {
  const file = join(dir, ownerFile);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new FailureError(`${file} cannot be read; remove ${dir} by hand`, { cause: error });
  });
  if (text === undefined) return undefined;
  const owner = parseProcess(text);
  if (owner === undefined) throw new FailureError(`${file} names no process; remove ${dir} by hand`);
  return owner;
}
