import { type Exec, type ExecOptions, execOk, ProgramFailedError } from "./exec.ts";

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
