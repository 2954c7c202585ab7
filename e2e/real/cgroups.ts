import { glob, rmdir } from "node:fs/promises";
import { basename } from "node:path";
import { sleep } from "../../src/base/index.ts";

/** Those of the containers of a node's directory: the only thing that they leave elsewhere. */
export async function cgroupsOf(directory: string): Promise<readonly string[]> {
  const state = `${directory}/root/io.containerd.grpc.v1.cri/{containers,sandboxes}/*`;
  const ids = new Set((await Array.fromAsync(glob(state))).map((path) => basename(path)));
  const all = await Array.fromAsync(glob("/sys/fs/cgroup/{*/,}k8s.io/*"));
  return all.filter((path) => ids.has(basename(path)));
}

/** Their processes are gone, or about to go. */
export async function removeCgroups(folders: readonly string[], signal: AbortSignal): Promise<void> {
  for (const folder of folders) while (!(await isRemoved(folder))) await sleep(20, signal);
}

async function isRemoved(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EBUSY") return false;
    if (code === "ENOENT") return true;
    throw error;
  }
}
