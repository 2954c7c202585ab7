import { setTimeout } from "node:timers/promises";
import { Child } from "../../e2e/contract/child.ts";
import { freePort } from "../../src/telemetry/testing/free-port.ts";
import { instant } from "../instant.ts";
import type { LongestBlocks } from "../kube/block-probe.ts";
import { usageOf } from "../proc.ts";

/** Far beyond what anybody needs: reaching it means that it never comes. */
const patienceMs = 600_000;
const pollMs = 100;

/** The command line that a controller begins with. */
export type Program = readonly [string, ...string[]];

/** `berth controller` as a process of its own. */
export class ControllerProcess implements AsyncDisposable {
  readonly #child: Child;
  readonly #address: string;

  private constructor(child: Child, address: string) {
    this.#child = child;
    this.#address = address;
  }

  static async start([path, ...args]: Program, flags: readonly string[]): Promise<ControllerProcess> {
    const address = `127.0.0.1:${await freePort()}`;
    const probe = new URL("blocks.ts", import.meta.url).pathname;
    const child = new Child(
      path,
      [
        ...args,
        "controller",
        `--metrics-bind-address=${address}`,
        `--health-bind-address=${address}`,
        "--log-level=error",
        ...flags,
      ],
      {
        environment: {
          PATH: "/usr/bin:/bin",
          // As the image has it, and with a probe.
          NODE_OPTIONS: `--disable-warning=ExperimentalWarning --max-semi-space-size=4 --import=${probe}`,
        },
      },
    );
    return new ControllerProcess(child, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  get residentBytes(): number {
    if (this.#child.pid === undefined) throw this.#child.failure("did not start");
    return usageOf(this.#child.pid).residentBytes;
  }

  /** Until it leads and so many Services are ready; none: until it answers. */
  async ready(services: number, signal: AbortSignal): Promise<void> {
    const line = new RegExp(`^lb_service_state\\{state="ready"\\} ${services}$`, "m");
    await this.until(async () => {
      if ((await this.#page("/readyz")) === undefined) return false;
      return services === 0 || line.test((await this.#page("/metrics")) ?? "");
    }, signal);
  }

  async until(condition: () => Promise<boolean> | boolean, signal: AbortSignal): Promise<void> {
    const end = instant() + patienceMs;
    while (!(await condition())) {
      if (!this.#child.running || instant() > end) throw this.#child.failure("did not get there");
      await setTimeout(pollMs, undefined, { signal });
    }
  }

  /** For how long its event loop was blocked at most since the last time. */
  async blocks(): Promise<LongestBlocks> {
    const from = this.#child.stderr.length;
    const answer = /^blocks (.*)\n/m;
    this.#child.signal("SIGUSR2");
    await this.#child.ready(({ stderr }) => answer.test(stderr.slice(from)));
    return JSON.parse(answer.exec(this.#child.stderr.slice(from))?.[1] ?? "") as LongestBlocks;
  }

  /** A page that answers 200; nothing while it does not. */
  async #page(path: string): Promise<string | undefined> {
    try {
      const answer = await fetch(`http://${this.#address}${path}`);
      const text = await answer.text();
      return answer.ok ? text : undefined;
    } catch {
      return undefined;
    }
  }
}
