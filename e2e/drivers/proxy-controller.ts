import { sleep } from "../../src/base/index.ts";
import type { Child } from "../contract/child.ts";

/** Between two lives, as service managers have it. */
const pauseMs = 1_000;
/** Far beyond what a slow machine needs. */
const patienceMs = 300_000;

/**
 * A controller of the provider `proxy` beside a cluster, under a service manager: one that ends by itself, as it does
 * when it loses its Lease, is started again.
 */
export class ProxyController implements AsyncDisposable {
  readonly #start: () => Child;
  readonly #lives: string[] = [];
  #child: Child | undefined;

  constructor(start: () => Child) {
    this.#start = start;
  }

  /** Resolves when it leads. */
  async start(): Promise<void> {
    const child = this.#start();
    this.#child = child;
    await child.ready(({ stderr }) => stderr.includes("leading"), patienceMs);
    void this.#restartAfter(child);
  }

  /** Ends it in order; resolves when it leads again. */
  async restart(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.signal("SIGTERM");
    await child?.end();
    this.#lives.push(child?.stderr ?? "");
    await this.start();
  }

  /** What all its lives have said. */
  get log(): string {
    return [...this.#lives, this.#child?.stderr ?? ""].join("");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await child?.[Symbol.asyncDispose]();
  }

  async #restartAfter(child: Child): Promise<void> {
    for (let last = child; this.#child === last; ) {
      await last.ended;
      await sleep(pauseMs, new AbortController().signal);
      if (this.#child !== last) return;
      this.#lives.push(last.stderr);
      last = this.#start();
      this.#child = last;
    }
  }
}
