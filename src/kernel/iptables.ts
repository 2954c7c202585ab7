import type { Family } from "../net/index.ts";
import { type Exec, type ExecResult, execOk, ProgramFailedError } from "./exec.ts";
import { parseIptablesSave, type SavedTables } from "./iptables-save.ts";

/** Other tools hold the lock for long when they load large rule sets; an abandoned lock ends with its owner. */
const lockWaitSeconds = 5;
const saveTimeoutMs = 60_000;
const restoreTimeoutMs = 300_000;

/** The kernel refused because of who we are. */
export class NotPermittedError extends Error {
  override readonly name = "NotPermittedError";
}

/** `iptables-restore` did not take its input; the kernel holds every table committed before the failing one. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
  /** The line that the tool names (the `COMMIT` for what the kernel refuses at commit), if it names one. */
  readonly line: { readonly number: number; readonly text: string } | undefined;

  constructor(program: string, stderr: string, line: RestoreError["line"]) {
    const what = line === undefined ? "failed" : `refused the rules at line ${line.number} (${line.text})`;
    super(`${program} ${what}: ${firstLine(stderr)}`);
    this.line = line;
  }
}

export type IptablesFlavour = "nft" | "legacy";

/** The rules of one address family, by `iptables-save` and `iptables-restore` as they are found in PATH. */
export class Iptables {
  readonly #exec: Exec;
  readonly #prefix: string;

  constructor(exec: Exec, family: Family) {
    this.#exec = exec;
    this.#prefix = family === "IPv4" ? "iptables" : "ip6tables";
  }

  /** Which kernel interface the tools found in PATH talk to: `iptables v1.8.9 (nf_tables)`; before 1.8 only legacy. */
  async flavour(signal: AbortSignal): Promise<IptablesFlavour> {
    const version = await execOk(this.#exec, `${this.#prefix}-save`, ["--version"], { signal });
    return version.includes("nf_tables") ? "nft" : "legacy";
  }

  /** Rejects with `ProgramMissingError` when the tools, which come in one package, are not there. */
  async check(signal: AbortSignal): Promise<void> {
    await execOk(this.#exec, `${this.#prefix}-save`, ["--version"], { signal });
  }

  async save(signal: AbortSignal): Promise<SavedTables> {
    return parseIptablesSave(await this.#saveText([], signal));
  }

  /** What `iptables-save` prints of one table, for `parseIptablesSave`; empty when the kernel has no such table. */
  saveText(table: string, signal: AbortSignal): Promise<string> {
    return this.#saveText(["-t", table], signal);
  }

  async #saveText(args: readonly string[], signal: AbortSignal): Promise<string> {
    const program = `${this.#prefix}-save`;
    const result = await this.#exec.run(program, args, { signal, timeoutMs: saveTimeoutMs });
    // The nft flavour leaves out tables that hold rules it cannot print, and ends with 0.
    const unreadable = /^# Table `\S+' is incompatible.*$/m.exec(result.stdout);
    if (unreadable !== null) throw new ProgramFailedError(program, args, { ...result, stderr: unreadable[0] });
    if (result.code !== 0) throw permission(program, result) ?? new ProgramFailedError(program, args, result);
    return result.stdout;
  }

  /**
   * The rules of one chain, worded as `save` words them; undefined when they cannot be told: there is no such chain,
   * or it holds what iptables cannot print. On nf_tables it costs 3 ms whatever else the table holds (a table of
   * 17,000 rules: 310 ms); on legacy as much as all of the table.
   */
  async listChain(table: string, chain: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const args = ["-w", `${lockWaitSeconds}`, "-t", table, "-S", chain];
    const result = await this.#exec.run(this.#prefix, args, { signal, timeoutMs: saveTimeoutMs });
    if (result.code !== 0) {
      const refused = permission(this.#prefix, result);
      if (refused !== undefined) throw refused;
      return undefined;
    }
    const start = `-A ${chain}`;
    return result.stdout
      .split("\n")
      .filter((line) => line === start || line.startsWith(`${start} `))
      .map((line) => line.slice(start.length + 1));
  }

  /** Applies restore input; chains that it does not name stay as they are. */
  async restore(text: string, signal: AbortSignal): Promise<void> {
    const program = `${this.#prefix}-restore`;
    const args = ["--noflush", "-w", `${lockWaitSeconds}`];
    const result = await this.#exec.run(program, args, { signal, stdin: text, timeoutMs: restoreTimeoutMs });
    if (result.code !== 0)
      throw permission(program, result) ?? new RestoreError(program, result.stderr, failingLine(result.stderr, text));
  }
}

function permission(program: string, { stderr }: ExecResult): NotPermittedError | undefined {
  return /permission denied|must be root|operation not permitted/i.test(stderr)
    ? new NotPermittedError(
        `${program}: not permitted (${firstLine(stderr)}); run as root or with CAP_NET_ADMIN and CAP_NET_RAW`,
      )
    : undefined;
}

/** `Error occurred at line: 3`, `line 3 failed`, `line 3: RULE_APPEND failed (...)`. */
function failingLine(stderr: string, input: string): RestoreError["line"] {
  const match = /\bline:? (\d+)\b/.exec(stderr);
  if (match === null) return undefined;
  const number = Number(match[1]);
  return { number, text: input.split("\n")[number - 1] ?? "" };
}

function firstLine(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  // The tools may break the line behind their version.
  return lines.filter((line) => line !== "" && !/^Try |\((nf_tables|legacy)\):$/.test(line))[0] ?? "no reason given";
}
