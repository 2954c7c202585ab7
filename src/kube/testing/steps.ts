import { setImmediate } from "node:timers/promises";
import { FakeClock } from "../../base/fake-clock.ts";
import { type Clock, orAborted } from "../../base/index.ts";
import type { Inbox } from "./inbox.ts";
import type { Request } from "./serve.ts";
import type { RawEvent, Wire } from "./wire-client.ts";

/** What is tried in the place of serving a request: throws, or never answers. */
export type Fault = "serve" | "hang" | Error;

/**
 * A wire and a clock that number every moment at which something begins, ends or arrives, and abort at one of them.
 * Runs one after the other, each stopped at the next moment, stop at every one that there is.
 */
export class Steps implements Wire {
  readonly time: FakeClock = new FakeClock();
  readonly clock: Clock;
  readonly #stopAt: number;
  readonly #stop = new AbortController();
  /** What was reached, in order. */
  readonly reached: string[] = [];
  /** Requests that were sent after the stop. */
  readonly late: string[] = [];
  /** Whether one of them met a fault. */
  lateFault = false;
  /** What becomes of requests, one after the other; the rest is served. */
  readonly faults: Fault[] = [];
  readonly #streams = new Set<Inbox<RawEvent>>();

  constructor(stopAt: number) {
    this.#stopAt = stopAt;
    const { time } = this;
    this.clock = {
      now: () => time.now(),
      monotonic: () => time.monotonic(),
      schedule: (run, delayMs) => {
        const timer = time.schedule(() => {
          this.reach("a timer fires");
          run();
        }, delayMs);
        queueMicrotask(() => this.reach("a timer is set"));
        return timer;
      },
    };
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  reach(what: string): void {
    if (this.reached.length === this.#stopAt) this.stop(what);
    this.reached.push(what);
  }

  stop(where: string): void {
    this.#stop.abort(new Error(`stopped where ${where}`));
  }

  async exchange<T>(request: Request, serve: () => T, signal: AbortSignal): Promise<T> {
    const what = request.query.has("watch") ? "WATCH" : request.method;
    if (this.signal.aborted) this.late.push(what);
    this.reach(`${what} is sent`);
    await orAborted(setImmediate(), signal);
    const fault = this.faults.shift() ?? "serve";
    this.lateFault ||= this.signal.aborted && fault !== "serve";
    if (fault instanceof Error) throw fault;
    const answer = serve();
    this.reach(`${what} is served`);
    await orAborted(fault === "hang" ? Promise.withResolvers<void>().promise : setImmediate(), signal);
    this.reach(`${what} is answered`);
    return answer;
  }

  stream(_: Request, inbox: Inbox<RawEvent>): (event: RawEvent) => void {
    this.#streams.add(inbox);
    inbox.use({ [Symbol.dispose]: () => void this.#streams.delete(inbox) });
    return (event) => {
      this.reach(`${event.type} arrives`);
      inbox.push(event);
      this.reach(`${event.type} is there`);
    };
  }

  /** Ends the watches that are open: in order, or by an error. */
  cut(error?: Error): void {
    for (const inbox of this.#streams) {
      if (error === undefined) inbox.end();
      else inbox.fail(error);
    }
  }

  /** Lets everything happen that happens without time passing. */
  async settle(): Promise<void> {
    for (let quiet = 0, seen = -1; quiet < 5; seen = this.reached.length) {
      await setImmediate();
      quiet = seen === this.reached.length ? quiet + 1 : 0;
    }
  }
}
