import type { FakeClock } from "../../base/fake-clock.ts";
import { onAbort, type Random } from "../../base/index.ts";
import { ConnectionError } from "../errors.ts";
import type { Host } from "./host.ts";
import type { Inbox } from "./inbox.ts";
import type { Request } from "./serve.ts";
import type { RawEvent, Wire } from "./wire-client.ts";

/** Refused: nothing arrives, and that is known at once. Silent: nothing arrives. Deaf: only answers do not. */
export type LineState = "up" | "refused" | "silent" | "deaf";

const pingMs = 10_000;

/** The network between a process and the server. What it holds back arrives when the line is up again. */
export class Line implements Wire {
  readonly #time: FakeClock;
  readonly #host: Host;
  readonly #random: Random;
  /** Whoever is to hear that the connection broke. */
  readonly #breaks = new Set<() => void>();
  #state: LineState = "up";
  #held: (() => void)[] = [];
  /** How long a message takes at most, one way. */
  slownessMs = 2;
  /** Every request that left: its method, or `WATCH`, and when. */
  readonly sent: { readonly what: string; readonly at: number }[] = [];
  /** When a watch had told of an object and of the end of the initial state. */
  informedAt: number | undefined;
  /** Called when a request is about to leave. */
  beforeSending: () => void = () => {};

  constructor(time: FakeClock, host: Host, random: Random) {
    this.#time = time;
    this.#host = host;
    this.#random = random;
  }

  get state(): LineState {
    return this.#state;
  }

  set state(state: LineState) {
    this.#state = state;
    if (state === "refused") {
      this.#held = [];
      for (const tell of this.#breaks) this.#host.awake(tell);
    }
    // At once and in order, before all that is sent from now on.
    if (state === "up") for (const deliver of this.#held.splice(0)) this.#time.schedule(deliver, 0);
  }

  async exchange<T>(request: Request, serve: () => T, signal: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    using stack = new DisposableStack();
    stack.use(onAbort(signal, () => reject(signal.reason)));
    this.beforeSending();
    const leave = (): void => {
      stack.use(this.#onBreak(() => reject(broken())));
      this.#send(request, serve, resolve, reject);
    };
    // Between deciding to write and writing the process may stand still.
    const laterMs = Math.max(0, this.#random() - 0.5);
    if (laterMs > 0) stack.use(this.#host.schedule(leave, laterMs));
    else this.#host.awake(() => stack.disposed || leave());
    return await promise;
  }

  stream(request: Request, inbox: Inbox<RawEvent>): (event: RawEvent) => void {
    inbox.use(this.#onBreak(() => inbox.fail(broken())));
    inbox.use(this.#host.schedule(() => inbox.end(), Number(request.query.get("timeoutSeconds")) * 1000));
    this.#pingFor(inbox);
    let last = 0;
    const told = new Set<boolean>();
    inbox.onRead = ({ type }) => {
      told.add(type === "BOOKMARK");
      if (told.size === 2) this.informedAt ??= this.#time.monotonic();
    };
    return (event) => {
      const arrive = (): void => inbox.push(event);
      const carry = (): void => {
        const now = this.#time.monotonic();
        // In order, however long each takes.
        last = Math.max(last, now + this.#delay());
        this.#time.schedule(() => this.#host.awake(arrive), last - now);
      };
      if (this.#state === "up") carry();
      else this.#held.push(carry);
    };
  }

  #send<T>(request: Request, serve: () => T, resolve: (answer: T) => void, reject: (error: unknown) => void): void {
    const what = request.query.has("watch") ? "WATCH" : request.method;
    this.sent.push({ what, at: this.#time.monotonic() });
    if (this.#state === "refused") return reject(broken());
    this.#carry(() => {
      const answer = settled(serve);
      this.#carry(() => this.#host.awake(() => answer(resolve, reject)), this.#state === "up");
    }, this.#state !== "silent");
  }

  #carry(deliver: () => void, passes: boolean): void {
    if (passes) this.#time.schedule(deliver, this.#delay());
    else this.#held.push(deliver);
  }

  #onBreak(tell: () => void): Disposable {
    this.#breaks.add(tell);
    return { [Symbol.dispose]: () => void this.#breaks.delete(tell) };
  }

  /** Fails a watch when the line was down at two pings in a row. */
  #pingFor(inbox: Inbox<RawEvent>, wasUp = true): void {
    const isUp = this.#state === "up";
    if (!isUp && !wasUp) inbox.fail(broken());
    inbox.use(this.#host.schedule(() => this.#pingFor(inbox, isUp), pingMs));
  }

  #delay(): number {
    return this.slownessMs * this.#random();
  }
}

function broken(): ConnectionError {
  return new ConnectionError("http://wire", new Error("the line is broken"));
}

/** Runs it now and tells its outcome later. */
function settled<T>(run: () => T): (resolve: (value: T) => void, reject: (error: unknown) => void) => void {
  try {
    const value = run();
    return (resolve) => resolve(value);
  } catch (error) {
    return (_, reject) => reject(error);
  }
}
