import { type Exec, type ExecOptions, execOk } from "./exec.ts";

/** Loads a ruleset as one transaction: all of it or nothing. */
export async function applyNft(exec: Exec, ruleset: string, options: ExecOptions): Promise<void> {
  await execOk(exec, "nft", ["-f", "-"], { ...options, stdin: ruleset });
}

export type NftFamily = "inet" | "ip" | "ip6";

/** The table as `nft list table` prints it; undefined when there is none. */
export async function listNftTable(
  exec: Exec,
  family: NftFamily,
  name: string,
  options: ExecOptions,
): Promise<string | undefined> {
  const tables = await execOk(exec, "nft", ["list", "tables", family], options);
  if (!tables.split("\n").includes(`table ${family} ${name}`)) return undefined;
  return execOk(exec, "nft", ["list", "table", family, name], options);
}

/** The comment that the table itself carries. */
export function nftTableComment(listing: string): string | undefined {
  return /^table [^\n]*\{(?: #[^\n]*)?\n\tcomment "([^"\n]*)"\n/.exec(listing)?.[1];
}
