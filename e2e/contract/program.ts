import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { FailureError } from "../../src/base/index.ts";

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed. */
  readonly stdin?: string;
}

/**
 * A child process with what it has printed so far. It dies with this process, however that ends
 * (PR_SET_PDEATHSIG), and at the latest when disposed.
 */
export class Program implements AsyncDisposable {
  readonly name: string;
  /** The exit code, once it has ended and all of its output is here; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  running = true;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcessWithoutNullStreams;
  #watchers: (() => void)[] = [];

  constructor(path: string, args: readonly string[], { environment = {}, stdin = "" }: ProgramOptions = {}) {
    this.name = path.slice(path.lastIndexOf("/") + 1);
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "--", path, ...args], { env: environment });
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
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    this.ended = promise;
    this.#child.on("error", reject);
    this.#child.on("close", (code) => {
      this.running = false;
      resolve(code);
    });
  }

  /** Waits until `condition` holds, which is asked again whenever the program printed something. */
  async until(condition: (program: this) => boolean, what: string, timeoutMs = 60_000): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (why: string): void =>
      reject(new FailureError(`${this.name}: ${what}: ${why}; it printed:\n${this.stdout}${this.stderr}`));
    const check = (): void => {
      if (condition(this)) resolve();
    };
    const timer = setTimeout(() => fail(`not within ${timeoutMs} ms`), timeoutMs);
    this.#watchers.push(check);
    check();
    this.ended.then(
      () => fail("it ended before"),
      (cause: unknown) => reject(cause),
    );
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers = this.#watchers.filter((watcher) => watcher !== check);
    }
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.ended.catch(() => null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGKILL");
  }

  readonly #notify = (): void => {
    for (const watcher of this.#watchers) watcher();
  };
}
