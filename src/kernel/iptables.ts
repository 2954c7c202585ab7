import { inTurns } from "../base/index.ts";
import type { Family } from "../net/index.ts";
import { type Exec, type ExecResult, execOk, ProgramFailedError, ProgramKilledError } from "./exec.ts";
import { lockHolder } from "./file-lock.ts";
import { ruleArguments } from "./iptables-rule.ts";
import { parseInSteps, type SavedTables } from "./iptables-save.ts";
import { type Flavour, parseIptablesVersion } from "./iptables-version.ts";

/** What kube-proxy waits: tools that load large rule sets hold the lock for long; an abandoned one ends with its owner. */
const defaultLockWaitSeconds = 5;
/** iptables-nft-save 1.8.9 takes 50 s for 60,000 chains on a busy machine; a time-out that is too short never heals. */
const saveTimeoutMs = 300_000;
const restoreTimeoutMs = 300_000;
/** Where all versions of iptables-legacy since 1.4.20 keep their lock unless told; iptables-nft has none. */
const defaultLockFile = "/run/xtables.lock";
/** By this variable of their environment the tools are told. */
const lockFileVariable = "XTABLES_LOCKFILE";
/** What a pipe takes at once. */
const pieceLength = 65_536;

/** The kernel refused because of who we are. */
export class NotPermittedError extends Error {
  override readonly name = "NotPermittedError";
}

/** Another program works on the rules and does not end; nothing was read or written. */
export class LockHeldError extends Error {
  override readonly name = "LockHeldError";
}

/** The lock file cannot be opened, as on a full disk or in a container without the host's; nothing was written. */
export class LockFileError extends Error {
  override readonly name = "LockFileError";
}

/** Somebody's rules in a table, not made with iptables, keep it from showing any of the table. */
export class UnreadableTableError extends Error {
  override readonly name = "UnreadableTableError";

  constructor(program: string, table: string) {
    super(
      `${program}: table ${table} holds rules that iptables cannot show; find them with 'nft list ruleset', and give them a table of their own`,
    );
  }
}

/** What `iptables-save` shows. */
export interface SavedRules {
  readonly tables: SavedTables;
  /** Tables that exist and are not among them, for what others put there with nft. */
  readonly unreadable: ReadonlySet<string>;
}

export interface NamedLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** `iptables-restore` did not take its input; the kernel holds every table committed before the failing one. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
  /** The first line that the tool names (the `COMMIT` for what the kernel refuses at commit), if it names one. */
  readonly line: NamedLine | undefined;
  /** All of them: nf_tables names every rule of a table that the kernel refuses. */
  readonly lines: readonly NamedLine[];
  /** What the tool says, in one line. */
  readonly reason: string;

  constructor(program: string, stderr: string, lines: readonly NamedLine[]) {
    const [line] = lines;
    const what = line === undefined ? "failed" : `refused the rules at line ${line.number} (${line.text})`;
    const reason = firstLine(stderr);
    super(`${program} ${what}: ${reason}`);
    this.line = line;
    this.lines = lines;
    this.reason = reason;
  }
}

/** Whether a restore was tried and did not succeed, for whatever cause. */
export function isRestoreFailure(error: unknown): boolean {
  return (
    error instanceof RestoreError ||
    error instanceof LockHeldError ||
    error instanceof LockFileError ||
    (error instanceof ProgramKilledError && error.program.endsWith("-restore"))
  );
}

export interface IptablesOptions {
  /** How long to wait for other programs; whole seconds. */
  readonly lockWaitSeconds?: number;
}

/** The rules of one address family, by `iptables-save` and `iptables-restore` as they are found in PATH. */
export class Iptables {
  readonly #exec: Exec;
  readonly #prefix: string;
  readonly #lockWaitSeconds: number;

  constructor(exec: Exec, family: Family, options: IptablesOptions = {}) {
    this.#exec = exec;
    this.#prefix = family === "IPv4" ? "iptables" : "ip6tables";
    this.#lockWaitSeconds = options.lockWaitSeconds ?? defaultLockWaitSeconds;
  }

  /** Rejects with `ProgramMissingError` when the tools, which come in one package, are not there. */
  async check(signal: AbortSignal): Promise<void> {
    await execOk(this.#exec, `${this.#prefix}-save`, ["--version"], { signal });
  }

  /** Which implementation the tools are. */
  async flavour(signal: AbortSignal): Promise<Flavour | undefined> {
    return parseIptablesVersion(await execOk(this.#exec, `${this.#prefix}-restore`, ["--version"], { signal }))
      ?.flavour;
  }

  /** All tables that exist and can be shown. Takes no lock: the kernel hands out a whole table. */
  async read(signal: AbortSignal): Promise<SavedRules> {
    const text = await this.#saved([], signal);
    return { tables: await inTurns(parseInSteps(text)), unreadable: unreadableTables(text) };
  }

  /** The same. Rejects with UnreadableTableError when one of those needed, by default any, cannot be shown. */
  async save(signal: AbortSignal, needed?: readonly string[]): Promise<SavedTables> {
    const { tables, unreadable } = await this.read(signal);
    for (const table of unreadable)
      if (needed?.includes(table) !== false) throw new UnreadableTableError(`${this.#prefix}-save`, table);
    return tables;
  }

  /** One table, which legacy makes if it is not there, as text for `parseIptablesSave`. Rejects as `save`. */
  async saveText(signal: AbortSignal, table: string): Promise<string> {
    const text = await this.#saved(["-t", table], signal);
    if (unreadableTables(text).size > 0) throw new UnreadableTableError(`${this.#prefix}-save`, table);
    return text;
  }

  async #saved(args: readonly string[], signal: AbortSignal): Promise<string> {
    const program = `${this.#prefix}-save`;
    const result = await this.#exec.run(program, args, { signal, timeoutMs: saveTimeoutMs });
    if (result.code !== 0) throw permission(program, result) ?? new ProgramFailedError(program, args, result);
    return result.stdout;
  }

  /** Whether a chain holds the rule, also in a table that cannot be shown. */
  async hasRule(table: string, chain: string, rule: string, signal: AbortSignal): Promise<boolean> {
    const args = ["-w", `${this.#lockWaitSeconds}`, "-t", table, "-C", chain, ...ruleArguments(rule)];
    const result = await this.#exec.run(this.#prefix, args, { signal, timeoutMs: saveTimeoutMs });
    if (result.code === 0) return true;
    const refused = permission(this.#prefix, result) ?? (await this.#lockHeld(this.#prefix, result, signal));
    if (refused !== undefined) throw refused;
    return false;
  }

  /**
   * The rules of one chain, worded as `save` words them; undefined when they cannot be told: there is no such chain,
   * or it holds what iptables cannot print. On nf_tables it costs 3 ms whatever else the table holds (a table of
   * 17,000 rules: 310 ms); on legacy as much as all of the table.
   */
  async listChain(table: string, chain: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const args = ["-w", `${this.#lockWaitSeconds}`, "-t", table, "-S", chain];
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

  /**
   * Applies restore input, a text or its lines; chains that it does not name stay as they are. The lines must be the
   * same each time they are asked for. Rejects with RestoreError, LockHeldError, LockFileError or NotPermittedError
   * when the tool refuses, and with ProgramKilledError when it was ended.
   */
  async restore(input: string | Iterable<string>, signal: AbortSignal): Promise<void> {
    const program = `${this.#prefix}-restore`;
    const args = ["--noflush", "-w", `${this.#lockWaitSeconds}`];
    const stdin = typeof input === "string" ? input : { [Symbol.iterator]: () => pieces(input) };
    const result = await this.#exec.run(program, args, { signal, stdin, timeoutMs: restoreTimeoutMs });
    if (result.code === 0) return;
    const lines = typeof input === "string" ? input.split("\n") : input;
    throw (
      permission(program, result) ??
      (await this.#lockHeld(program, result, signal)) ??
      lockFile(program, result) ??
      new RestoreError(program, result.stderr, failingLines(result.stderr, lines))
    );
  }

  async #lockHeld(program: string, { stderr }: ExecResult, signal: AbortSignal): Promise<LockHeldError | undefined> {
    if (!/holding the xtables lock/.test(stderr)) return undefined;
    const path = await this.#lockFile(signal);
    const holder = lockHolder(path) ?? "another program";
    return new LockHeldError(
      `${program}: ${holder} has held the lock ${path} for more than ${this.#lockWaitSeconds} s; end it if it hangs`,
    );
  }

  /** The tools do not say which file it is; their environment, which only a child of `exec` sees, does. */
  async #lockFile(signal: AbortSignal): Promise<string> {
    const result = await this.#exec.run("printenv", [lockFileVariable], { signal, timeoutMs: 1000 }).catch(() => {
      // It is only for a message.
      signal.throwIfAborted();
      return undefined;
    });
    return (result?.code === 0 && result.stdout.trim()) || defaultLockFile;
  }
}

/** The nft flavour names them in a comment, and ends with 0. */
function unreadableTables(text: string): Set<string> {
  return new Set([...text.matchAll(/^# Table `(\S+)' is incompatible/gm)].map(([, table = ""]) => table));
}

/** Joins lines to what a pipe takes at once, so that a large input is never in memory as a whole. */
function* pieces(lines: Iterable<string>): Generator<string> {
  let piece: string[] = [];
  let length = 0;
  for (const line of lines) {
    piece.push(line, "\n");
    length += line.length + 1;
    if (length < pieceLength) continue;
    yield piece.join("");
    piece = [];
    length = 0;
  }
  if (piece.length > 0) yield piece.join("");
}

function permission(program: string, { stderr }: ExecResult): NotPermittedError | undefined {
  return /permission denied|must be root|operation not permitted/i.test(stderr)
    ? new NotPermittedError(
        `${program}: not permitted (${firstLine(stderr)}); run as root or with CAP_NET_ADMIN and CAP_NET_RAW`,
      )
    : undefined;
}

function lockFile(program: string, { stderr }: ExecResult): LockFileError | undefined {
  const [, path, why] = /can't open lock file (\S+): (.*)/.exec(stderr) ?? [];
  return path === undefined
    ? undefined
    : new LockFileError(
        `${program}: cannot open the lock file ${path} (${why}); make room for it, or mount the host's ${path} into the container`,
      );
}

/** `Error occurred at line: 3`, `line 3 failed`, and for each rule that nf_tables refuses `line 3: RULE_APPEND failed (...)`. */
function failingLines(stderr: string, input: Iterable<string>): NamedLine[] {
  const numbers = new Set([...stderr.matchAll(/\bline:? (\d+)\b/g)].map(([, number]) => Number(number)));
  const found: NamedLine[] = [];
  let number = 0;
  for (const text of input) {
    number += 1;
    if (numbers.delete(number)) found.push({ number, text });
    if (numbers.size === 0) break;
  }
  return [...found, ...[...numbers].map((beyond) => ({ number: beyond, text: "" }))];
}

function firstLine(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  // The tools may break the line behind their version, and warn before they fail.
  const said = lines.filter((line) => line !== "" && !/^Try |\((nf_tables|legacy)\):$/.test(line));
  const warning = said.find((line) => line.startsWith("Warning:"));
  const failure = said.find((line) => !line.startsWith("Warning:"));
  // A warning is what tells why legacy fails: it names the extension that the kernel lacks.
  return [failure, warning].filter((line) => line !== undefined).join("; ") || "no reason given";
}
