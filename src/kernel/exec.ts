import { spawn } from "node:child_process";
import { onAbort } from "../base/index.ts";

export interface ExecOptions {
  readonly signal: AbortSignal;
  /** Written to standard input, which is then closed. */
  readonly stdin?: string | Uint8Array;
  /** Milliseconds until the process is killed; none by default. */
  readonly timeoutMs?: number;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one program to its end, without a shell. A non-zero exit code is a result, not an error. */
export interface Exec {
  /** Rejects with `ProgramMissingError` when there is no such program, and when aborted or timed out. */
  run(program: string, args: readonly string[], options: ExecOptions): Promise<ExecResult>;
}

/** The program is not installed. */
export class ProgramMissingError extends Error {
  override readonly name = "ProgramMissingError";
  readonly program: string;

  constructor(program: string, cause: unknown) {
    super(`program ${program} not found; install it (on Debian: ${debianPackages[program] ?? program})`, { cause });
    this.program = program;
  }
}

const debianPackages: Readonly<Record<string, string>> = {
  iptables: "iptables",
  "iptables-save": "iptables",
  "iptables-restore": "iptables",
  ip6tables: "iptables",
  "ip6tables-save": "iptables",
  "ip6tables-restore": "iptables",
  nft: "nftables",
  conntrack: "conntrack",
  ip: "iproute2",
  nsenter: "util-linux",
  setpriv: "util-linux",
  sysctl: "procps",
};

/** A program ended with a code that its caller does not expect. */
export class ProgramFailedError extends Error {
  override readonly name = "ProgramFailedError";
  readonly code: number;
  readonly stderr: string;

  constructor(program: string, args: readonly string[], result: ExecResult) {
    const text = result.stderr.trim() || result.stdout.trim() || "no output";
    super(`${[program, ...args].join(" ")}: exit code ${result.code}: ${text}`);
    this.code = result.code;
    this.stderr = result.stderr;
  }
}

/** Runs a program and returns its standard output; throws `ProgramFailedError` unless it ends with 0. */
export async function execOk(
  exec: Exec,
  program: string,
  args: readonly string[],
  options: ExecOptions,
): Promise<string> {
  const result = await exec.run(program, args, options);
  if (result.code !== 0) throw new ProgramFailedError(program, args, result);
  return result.stdout;
}

/** The real thing. `environment` is what every child sees; nothing is inherited beside it. */
export function systemExec(environment: Readonly<Record<string, string | undefined>>): Exec {
  return {
    run(program, args, { signal, stdin = "", timeoutMs }) {
      const { promise, resolve, reject } = Promise.withResolvers<ExecResult>();
      if (signal.aborted) {
        reject(signal.reason);
        return promise;
      }
      const child = spawn(program, args, {
        env: environment,
        stdio: "pipe",
        // A Ctrl-C on our terminal is ours to act on: it must not cut a program short between two of its changes.
        detached: true,
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
      // A program may end without reading its input (EPIPE); its exit code says all there is to say.
      child.stdin.on("error", () => {});
      child.stdin.end(stdin);
      const listener = onAbort(signal, () => child.kill("SIGKILL"));
      child.on("error", (error: NodeJS.ErrnoException) => {
        reject(error.code === "ENOENT" ? new ProgramMissingError(program, error) : error);
      });
      child.on("close", (code, killedBy) => {
        if (signal.aborted) reject(signal.reason);
        else if (code === null)
          reject(new Error(`${program} ${args.join(" ")}: killed by ${killedBy} (limit ${timeoutMs} ms)`));
        else resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
      });
      return promise.finally(() => listener[Symbol.dispose]());
    },
  };
}

/** The same programs inside a named network namespace (`ip netns`). */
export function netnsExec(exec: Exec, netns: string): Exec {
  return {
    run: (program, args, options) =>
      exec.run("nsenter", [`--net=${netnsPath(netns)}`, "--", program, ...args], options),
  };
}

/** Where `ip netns add NAME` binds the namespace. */
export function netnsPath(netns: string): string {
  return `/run/netns/${netns}`;
}
