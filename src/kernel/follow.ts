import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { onAbort } from "../base/index.ts";
import { netnsPath, ProgramMissingError } from "./exec.ts";

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** Each line of standard output, without its end. */
  readonly onLine: (line: string) => void;
  /** Once the process exists. */
  readonly onStart?: (pid: number) => void;
}

export interface FollowResult {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  /** The end of what it wrote there. */
  readonly stderr: string;
}

/**
 * Runs a program that goes on and on, without a shell, and hands over what it prints. It dies with this process, also
 * when that is killed. Rejects with `ProgramMissingError` when there is no such program, and when aborted.
 */
export type Follow = (program: string, args: readonly string[], options: FollowOptions) => Promise<FollowResult>;

const maxErrorLength = 4096;
/** What `setpriv`, as `env` and shells, ends with when it cannot find the program. */
const notFoundCode = 127;

/** The real thing. `environment` is what every child sees; nothing is inherited beside it. */
export function systemFollow(environment: Readonly<Record<string, string | undefined>>): Follow {
  return async (program, args, { signal, onLine, onStart }) => {
    signal.throwIfAborted();
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      // As for `Exec`: a Ctrl-C on our terminal is ours to act on.
      detached: true,
    });
    using _listener = onAbort(signal, () => child.kill("SIGKILL"));
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr = `${stderr}${chunk.toString()}`.slice(-maxErrorLength);
    });
    createInterface({ input: child.stdout }).on("line", onLine);
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ENOENT" ? new ProgramMissingError("setpriv", error) : error);
    });
    child.on("spawn", () => onStart?.(child.pid ?? 0));
    child.on("close", (code) => resolve(code ?? undefined));
    const code = await promise;
    signal.throwIfAborted();
    if (code === notFoundCode) throw new ProgramMissingError(program, new Error(stderr.trim()));
    return { code, stderr };
  };
}

/** The same programs inside a named network namespace (`ip netns`). */
export function netnsFollow(follow: Follow, netns: string): Follow {
  return (program, args, options) => follow("nsenter", [`--net=${netnsPath(netns)}`, "--", program, ...args], options);
}
