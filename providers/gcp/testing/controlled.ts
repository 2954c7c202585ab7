// The whole controller on Compute Engine as the sandbox plays it: time goes by only when both have come to rest.
import { setImmediate } from "node:timers/promises";
import type { Service } from "../../../src/api/index.ts";
import { Bench, type Running } from "../../../src/controller/testing/bench.ts";
import type { Cloud } from "./cloud.ts";

/** No request has come for so many turns of the event loop: everybody waits for time to go by. */
const restTurns = 60;
const maxSteps = 4000;

export class Controlled implements AsyncDisposable {
  readonly bench: Bench = new Bench();
  readonly #cloud: Cloud;
  #running: Running | undefined;

  /** The nodes are the first two machines of the cloud. */
  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    for (const [node, machine] of [
      ["node1", "b1"],
      ["node2", "b2"],
    ] as const)
      this.bench.api.updateNode(node, { spec: { providerID: `gce://shop/europe-west1-b/${machine}` } });
  }

  create(name: string, spec: Service["spec"] = {}, annotations: Readonly<Record<string, string>> = {}): void {
    this.bench.api.createService(name, { loadBalancerClass: "berth.dev/gcp-l4", ...spec }, { annotations });
  }

  start(): Running {
    const fence = (): undefined => undefined;
    this.#running = this.bench.start({ providers: [this.#cloud.adapter(fence, this.bench.clock)] });
    return this.#running;
  }

  /** Starts with one Service, and waits until it is ready. */
  async startWith(name: string): Promise<void> {
    this.create(name);
    this.start();
    await this.until(() => this.bench.condition(name, "ready").startsWith("True "), "it is ready");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.stop();
  }

  /** Lets time go by whenever all are at rest, until the condition holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (let step = 0; step < maxSteps; step++) {
      if (condition()) return;
      await this.#rest();
      this.bench.clock.advance(1000);
    }
    throw new Error(`it did not happen: ${what}; ${this.bench.events.slice(-3).join("; ")}`);
  }

  async pass(ms: number): Promise<void> {
    const end = this.bench.clock.monotonic() + ms;
    await this.until(() => this.bench.clock.monotonic() >= end, "time goes by");
    await this.#rest();
  }

  async #rest(): Promise<void> {
    for (let quiet = 0, seen = -1; quiet < restTurns; quiet++) {
      await this.#cloud.gce.idle();
      const { length } = this.#cloud.gce.journal;
      if (length !== seen) quiet = 0;
      seen = length;
      await setImmediate();
    }
  }
}
