import type { Child } from "../contract/child.ts";
import type { Report } from "../tools/connection-load.ts";
import { enterNetns } from "../tools/node-namespace.ts";

const program = new URL("../tools/connection-load.ts", import.meta.url).pathname;
const patienceMs = 120_000;

/** Traffic from one namespace to some Services, from its start to `end`. */
export class Load implements AsyncDisposable {
  readonly #child: Child;

  /** `targets` are `tcp,HOST,PORT` and `udp,HOST,PORT`. */
  constructor(netns: string, targets: readonly string[]) {
    this.#child = enterNetns(netns, process.execPath, [program, ...targets]);
  }

  /** Waits until so many more new connections have been answered. */
  async more(count: number): Promise<void> {
    const wanted = this.#answered() + count;
    if (!(await this.#child.happens(() => this.#answered() >= wanted, patienceMs)))
      throw this.#child.failure(`did not get ${wanted} answers`);
  }

  /** Ends it; what came of it. */
  async end(): Promise<Report> {
    this.#child.signal("SIGTERM");
    if ((await this.#child.end()) !== 0) throw this.#child.failure("failed");
    return JSON.parse(this.#child.stdout.trimEnd().split("\n").at(-1) ?? "") as Report;
  }

  #answered(): number {
    return Number(/(\d+)\n$/.exec(this.#child.stdout)?.[1] ?? 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
