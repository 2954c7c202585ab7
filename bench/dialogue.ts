import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** A child process that answers each line with one line, one question at a time; dies with this process. */
export class Dialogue implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(
    name: string,
    [program = "", ...args]: readonly string[],
    environment: Readonly<Record<string, string | undefined>>,
  ) {
    this.#name = name;
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], {
      env: environment,
      detached: true,
      stdio: ["pipe", "pipe", "inherit"],
    });
    // It has ended; whoever waits for an answer learns that from its output.
    this.#child.stdin.on("error", () => {});
    this.#ended = once(this.#child, "close");
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async ask(question: string): Promise<string> {
    this.#child.stdin.write(`${question}\n`);
    return await this.nextLine();
  }

  /** What it says unasked. */
  async nextLine(): Promise<string> {
    const { done, value } = await this.#answers.next();
    if (done === true) throw new Error(`${this.#name} has ended`);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
