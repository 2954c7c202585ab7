import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { netnsPath } from "../src/kernel/index.ts";
import type { Question } from "./probe.ts";

const entry = new URL("probe.ts", import.meta.url).pathname;

/** Asks through Services from inside a namespace, one question at a time; dies with this process. */
export class Prober implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(netns: string, environment: Readonly<Record<string, string | undefined>>) {
    const enter = [`--net=${netnsPath(netns)}`, "--", "setpriv", "--pdeathsig", "KILL", "--"];
    this.#child = spawn("nsenter", [...enter, process.execPath, entry], {
      env: environment,
      detached: true,
      stdio: ["pipe", "pipe", "inherit"],
    });
    // It has ended; whoever waits for an answer learns that from its output.
    this.#child.stdin.on("error", () => {});
    this.#ended = once(this.#child, "close");
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The instant of the first answer from one of the pods. */
  async firstAnswer(question: Question): Promise<number> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const { done, value } = await this.#answers.next();
    if (done === true) throw new Error("the process that asks has ended");
    return Number(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
