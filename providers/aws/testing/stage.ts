import { setImmediate } from "node:timers/promises";
import { Bench, type BenchOptions, type Running } from "../../../src/controller/testing/bench.ts";
import { Account, type AdapterOptions } from "./account.ts";
import { instanceId } from "./values.ts";

export const awsClass = { loadBalancerClass: "berth.dev/aws-nlb" } as const;

/** No request has come for so many turns of the event loop: everybody waits for time to go by. */
const restTurns = 60;
const maxSteps = 4000;

type Options = Omit<BenchOptions, "providers"> &
  Omit<AdapterOptions, "clock"> & { readonly others?: NonNullable<BenchOptions["providers"]> };

/** The whole controller on an account: `node1` and `node2` are its first two instances. */
export class Stage implements AsyncDisposable {
  readonly account: Account;
  readonly bench: Bench = new Bench();
  /** Requests that came to something else than the account. */
  elsewhere: () => number = () => 0;
  #running: Running | undefined;

  private constructor(account: Account) {
    this.account = account;
    for (const number of [1, 2])
      this.bench.api.updateNode(`node${number}`, { spec: { providerID: `aws:///a/${instanceId(number)}` } });
  }

  static async open(): Promise<Stage> {
    return new Stage(await Account.open());
  }

  get running(): Running {
    if (this.#running === undefined) throw new Error("it was not started");
    return this.#running;
  }

  async start({ others = [], fence, requestLimits, endpoint, ...options }: Options = {}): Promise<void> {
    const adapter = await this.account.adapter({
      clock: this.bench.clock,
      ...(fence !== undefined && { fence }),
      ...(requestLimits !== undefined && { requestLimits }),
      ...(endpoint !== undefined && { endpoint }),
    });
    this.#running = this.bench.start({ ...options, providers: [adapter, ...others] });
  }

  async stop(): Promise<void> {
    const stopping = { isOver: this.#running === undefined };
    const ended = this.#running?.stop().finally(() => {
      stopping.isOver = true;
    });
    // Work that is at hand gets a moment to end, by the same clock.
    while (!stopping.isOver) {
      await this.rest();
      this.bench.clock.advance(1000);
    }
    await ended;
    this.#running = undefined;
  }

  /** Lets time go by, here and at AWS, whenever all are at rest, until the condition holds. */
  async until(condition: () => boolean, what: string, stepMs: number = 1000): Promise<void> {
    for (let step = 0; step < maxSteps; step++) {
      if (condition()) return;
      await this.rest();
      this.account.pass(stepMs);
      this.bench.clock.advance(stepMs);
    }
    throw new Error(`it did not happen: ${what}; ${this.bench.events.slice(-3).join("; ")}`);
  }

  async rest(): Promise<void> {
    for (let quiet = 0, seen = -1; quiet < restTurns; quiet++) {
      const asked = this.account.aws.journal.length + this.elsewhere();
      if (asked !== seen) quiet = 0;
      seen = asked;
      await setImmediate();
    }
  }

  hostnames(name: string): readonly (string | undefined)[] {
    return (this.bench.api.service(name)?.status?.loadBalancer?.ingress ?? []).map(({ hostname }) => hostname);
  }

  /** In how many seconds a Service is looked at again; undefined while it is worked on. */
  secondsUntilRetry(name: string): number | undefined {
    const { queues } = this.running.state() as {
      readonly queues: Record<string, { readonly waiting: readonly { key: string; inSeconds: number }[] }>;
    };
    return queues["services"]?.waiting.find(({ key }) => key === `default/${name}`)?.inSeconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.account[Symbol.asyncDispose]();
  }
}
