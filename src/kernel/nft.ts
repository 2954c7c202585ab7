import { readFile } from "node:fs/promises";
import { type Clock, sleep } from "../base/index.ts";
import { type Exec, type ExecOptions, execOk, ProgramFailedError } from "./exec.ts";
import { listensToNetfilter } from "./nft-monitor.ts";

/** Loads a ruleset as one transaction: all of it or nothing. */
export async function applyNft(exec: Exec, ruleset: string, options: ExecOptions): Promise<void> {
  await execOk(exec, "nft", ["-f", "-"], { ...options, stdin: ruleset });
}

export type NftFamily = "inet" | "ip" | "ip6";

/** The chain as `nft list chain` prints it; undefined when there is none, or no such table. */
export async function listNftChain(
  exec: Exec,
  family: NftFamily,
  table: string,
  chain: string,
  options: ExecOptions,
): Promise<string | undefined> {
  const args = ["list", "chain", family, table, chain];
  const result = await exec.run("nft", args, options);
  if (result.code === 0) return result.stdout;
  if (result.stderr.includes("No such file or directory")) return undefined;
  throw new ProgramFailedError("nft", args, result);
}

const readinessPollMs = 20;
const readinessPolls = 100;

/**
 * Resolves when the process of an `nft monitor` hears of every change from now on; also after two seconds, when that
 * cannot be told, and when aborted.
 */
export async function untilMonitorListens(pid: number, signal: AbortSignal, clock: Clock): Promise<void> {
  for (let i = 0; i < readinessPolls && !signal.aborted; i++) {
    const netlink = await readFile(`/proc/${pid}/net/netlink`, "utf8").catch(() => "");
    if (listensToNetfilter(netlink, pid)) return;
    await sleep(readinessPollMs, signal, clock).catch(() => {});
  }
}
