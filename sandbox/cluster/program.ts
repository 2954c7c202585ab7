import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { onAbort, sleep } from "../../src/base/index.ts";
import { netnsPath, ProgramMissingError } from "../../src/kernel/index.ts";

export interface ProgramOptions {
  /** What people call it: `agent-node1`. */
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** All that the process sees of the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Standard output and error are appended here. */
  readonly logPath: string;
  /** The namespace it runs in; the sandbox's own when absent. */
  readonly netns?: string;
  /** Called when it ends without having been asked to. */
  readonly onCrash?: (program: Program) => void;
}

/** How long a program may take to end in order before it is killed. */
const graceMs = 10_000;

/**
 * One long-running process of the sandbox that can be ended and started again. It dies with the sandbox
 * (`PR_SET_PDEATHSIG`) and has a session of its own, so that Ctrl-C in the terminal reaches the sandbox alone, which
 * then ends its programs in order.
 */
export class Program {
  readonly name: string;
  readonly logPath: string;
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #exit: Promise<void> = Promise.resolve();
  /** Whether it is to run. */
  #wanted = false;

  constructor(options: ProgramOptions) {
    this.name = options.name;
    this.logPath = options.logPath;
    this.#options = options;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Settles when the process that runs now has ended. */
  get exited(): Promise<void> {
    return this.#exit;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    const { netns, command, environment, logPath, onCrash } = this.#options;
    const enter = netns === undefined ? [] : ["nsenter", `--net=${netnsPath(netns)}`, "--"];
    const [program = "", ...args] = [...enter, "setpriv", "--pdeathsig", "KILL", "--", ...command];
    const log = await open(logPath, "a", 0o600);
    try {
      const child = spawn(program, args, { env: environment, detached: true, stdio: ["ignore", log.fd, log.fd] });
      this.#child = child;
      this.#wanted = true;
      this.#exit = new Promise((resolve) => {
        child.once("close", () => {
          this.#child = undefined;
          resolve();
          if (this.#wanted) onCrash?.(this);
        });
      });
      await once(child, "spawn");
    } catch (error) {
      this.#wanted = false;
      throw (error as NodeJS.ErrnoException).code === "ENOENT" ? new ProgramMissingError(program, error) : error;
    } finally {
      await log.close();
    }
  }

  /** Asks it to end, waits, and kills it when it does not end in time. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), graceMs);
    await this.#exit.finally(() => clearTimeout(timer));
  }

  async kill(): Promise<void> {
    this.#wanted = false;
    this.signal("SIGKILL");
    await this.#exit;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }
}

/** Resolves when `ready` says so; rejects when the program ends first or the signal aborts. */
export async function untilReady(
  program: Program,
  ready: (signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  using _listener = onAbort(signal, () => ended.abort(signal.reason));
  void program.exited.then(() => ended.abort(new ProgramEndedError(program)));
  while (!(await ready(ended.signal))) await sleep(20, ended.signal);
}

/** A program ended that was to run on; its log says why. */
export class ProgramEndedError extends Error {
  override readonly name = "ProgramEndedError";
  readonly program: Program;

  constructor(program: Program) {
    super(`${program.name} ended`);
    this.program = program;
  }
}

/** The end of a log, on one line. */
export async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.trim().split("\n").slice(-3).join(" | ") || "nothing";
}
