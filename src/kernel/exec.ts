import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { pipeline, Readable } from "node:stream";
import { onAbort } from "../base/index.ts";

/** All at once, or in pieces that are asked for as the program takes them; the same pieces each time. */
export type Input = string | Uint8Array | Iterable<string>;

export interface ExecOptions {
  readonly signal: AbortSignal;
  /** Written to standard input, which is then closed. */
  readonly stdin?: Input;
  /** Milliseconds until the process is killed; none by default. */
  readonly timeoutMs?: number;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The whole input as text, for those who stand in for a program. */
export function inputText(input: Input = ""): string {
  if (typeof input === "string") return input;
  return input instanceof Uint8Array ? Buffer.from(input).toString() : [...input].join("");
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
  nfacct: "nfacct",
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

/** A program was ended by a signal: our own at its time limit, or one of the kernel (out of memory) or of an admin. */
export class ProgramKilledError extends Error {
  override readonly name = "ProgramKilledError";

  constructor(program: string, args: readonly string[], signal: string, timeoutMs: number | undefined) {
    const limit = timeoutMs === undefined ? "" : ` (time limit ${timeoutMs} ms)`;
    super(`${[program, ...args].join(" ")}: killed by ${signal}${limit}`);
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

/** A rule dump of the largest clusters has some hundred megabytes; a program that prints more has gone mad. */
const maxOutputBytes = 1024 ** 3;
/** What a program complains of, it says at the beginning. */
const maxErrorBytes = 1024 ** 2;

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
      let outBytes = 0;
      let errBytes = 0;
      child.stdout.on("data", (chunk: Buffer) => {
        outBytes += chunk.length;
        if (outBytes <= maxOutputBytes) out.push(chunk);
        else child.kill("SIGKILL");
      });
      child.stderr.on("data", (chunk: Buffer) => {
        if (errBytes < maxErrorBytes) err.push(chunk);
        errBytes += chunk.length;
      });
      write(child, stdin, (error) => {
        child.kill("SIGKILL");
        reject(error);
      });
      const listener = onAbort(signal, () => child.kill("SIGKILL"));
      child.on("error", (error: NodeJS.ErrnoException) => {
        reject(error.code === "ENOENT" ? new ProgramMissingError(program, error) : error);
      });
      child.on("close", (code, killedBy) => {
        if (signal.aborted) reject(signal.reason);
        else if (outBytes > maxOutputBytes) reject(new Error(`${program}: printed more than ${maxOutputBytes} bytes`));
        else if (code === null) reject(new ProgramKilledError(program, args, `${killedBy}`, timeoutMs));
        else resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
      });
      return promise.finally(() => listener[Symbol.dispose]());
    },
  };
}

function write({ stdin }: ChildProcessWithoutNullStreams, input: Input, failed: (error: Error) => void): void {
  // A program may end without reading its input (EPIPE); its exit code says all there is to say.
  stdin.on("error", () => {});
  if (typeof input === "string" || input instanceof Uint8Array) {
    stdin.end(input);
    return;
  }
  pipeline(Readable.from(guarded(input, failed)), stdin, () => {});
}

/** Ends with the source; what a pipe that the program has closed would throw into the source is no news. */
function guarded(input: Iterable<string>, failed: (error: Error) => void): Iterable<string> {
  const source = input[Symbol.iterator]();
  function next(): IteratorResult<string> {
    try {
      return source.next();
    } catch (error) {
      failed(error instanceof Error ? error : new Error(String(error)));
      return { done: true, value: undefined };
    }
  }
  return { [Symbol.iterator]: () => ({ next }) };
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
