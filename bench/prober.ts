import { netnsPath } from "../src/kernel/index.ts";
import { Dialogue } from "./dialogue.ts";
import type { Question } from "./probe.ts";

const entry = new URL("probe.ts", import.meta.url).pathname;

/** Asks through Services from inside a namespace, one question at a time. */
export class Prober implements AsyncDisposable {
  readonly #dialogue: Dialogue;

  constructor(netns: string, environment: Readonly<Record<string, string | undefined>>) {
    const command = ["nsenter", `--net=${netnsPath(netns)}`, "--", process.execPath, entry];
    this.#dialogue = new Dialogue("the process that asks", command, environment);
  }

  /** The instant of the first answer from one of the pods. */
  async firstAnswer(question: Question): Promise<number> {
    return Number(await this.#dialogue.ask(JSON.stringify(question)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dialogue[Symbol.asyncDispose]();
  }
}
