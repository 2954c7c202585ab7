import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { FailureError } from "../../src/base/index.ts";

export interface ChildOptions {
  /** All that it sees of the environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed. */
  readonly stdin?: string;
}

/**
 * A child process with what it has printed so far. It dies with this process, however that ends
 * (PR_SET_PDEATHSIG), and at the latest when disposed.
 */
export class Child implements AsyncDisposable {
  stdout = "";
  stderr = "";
  running = true;
  readonly #name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  /** The exit code, once it has ended and all of its output is here; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Called when it printed something and when it ended. */
  readonly #watchers = new Set<() => void>();

  constructor(path: string, args: readonly string[], { environment = {}, stdin = "" }: ChildOptions = {}) {
    this.#name = path.slice(path.lastIndexOf("/") + 1);
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "--", path, ...args], { env: environment, detached: true });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#notify();
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#notify();
    });
    // A program may end without reading its input (EPIPE).
    this.#child.stdin.on("error", () => {});
    this.#child.stdin.end(stdin);
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.running = false;
        resolve(code);
        this.#notify();
      };
      this.#child.on("error", (error) => {
        this.stderr += `${error.message}\n`;
        end(null);
      });
      this.#child.on("close", end);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether `condition` came to hold before the program ended and within the time. */
  async happens(condition: (child: this) => boolean, timeoutMs = 30_000): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const check = (): void => {
      if (condition(this)) resolve(true);
      else if (!this.running) resolve(false);
    };
    const timer = setTimeout(() => resolve(false), timeoutMs);
    this.#watchers.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(check);
    }
  }

  /** Waits until it is ready, as `condition` tells from what it printed. */
  async ready(condition: (child: this) => boolean, timeoutMs?: number): Promise<void> {
    if (!(await this.happens(condition, timeoutMs))) throw this.failure("did not become ready");
  }

  failure(what: string): FailureError {
    return new FailureError(`${this.#name} ${what}; it printed:\n${this.stdout}${this.stderr}`);
  }

  /** Waits for its end, which it brings about itself when that takes too long; the exit code, null if a signal ended it. */
  async end(timeoutMs = 30_000): Promise<number | null> {
    const timer = setTimeout(() => this.signal("SIGKILL"), timeoutMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Also to its own children, such as an editor: they would keep its output open. */
  signal(name: NodeJS.Signals): void {
    if (!this.running || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, name);
    } catch (error) {
      // It has ended and only its output is still on the way.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
