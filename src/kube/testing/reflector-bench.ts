import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { expect, vi } from "vitest";
import { type Service, services } from "../../api/index.ts";
import { FakeClock } from "../../base/fake-clock.ts";
import { errorMessage } from "../../base/index.ts";
import { nullLogger } from "../../telemetry/index.ts";
import { MemoryLog } from "../../telemetry/testing/memory-log.ts";
import { KubeClient, Reflector, Store, staticConnection } from "../index.ts";
import { answerStatus, type Fault, TestServer, testCa } from "./test-server.ts";

/** A reflector on a clock that stands still, before a server that can be hurt. */
export class Bench implements AsyncDisposable {
  readonly server: TestServer;
  readonly clock: FakeClock = new FakeClock();
  readonly metrics: Registry = new Registry();
  readonly client: KubeClient;
  readonly store: Store<Service>;
  readonly stop: AbortController = new AbortController();
  readonly adds: string[] = [];
  /** Lines of the log: level, message, error. */
  readonly log: MemoryLog = new MemoryLog();
  running: Promise<void> = Promise.resolve();

  constructor(server: TestServer) {
    this.server = server;
    const connection = staticConnection(server.url, { tls: { ca: testCa } });
    this.client = new KubeClient({ connection, metrics: this.metrics });
    this.store = new Store({ kind: "Service", logger: nullLogger, metrics: this.metrics });
    this.store.subscribe({ add: (object) => this.adds.push(object.metadata.name ?? "") });
  }

  static async start(options: { protocol?: "http" | "https"; watchList?: boolean } = {}): Promise<Bench> {
    return new Bench(await TestServer.start({ protocol: "http", ...options }));
  }

  reflect(optional = false): void {
    const reflector = new Reflector({
      client: this.client,
      resource: services,
      optional,
      store: this.store,
      logger: this.log,
      metrics: this.metrics,
      clock: this.clock,
      random: () => 0.5,
    });
    this.running = reflector.run(this.stop.signal);
  }

  /** `level message: error` of each line. */
  get logged(): string[] {
    return this.log.lines.map(
      ({ level, message, fields: { err } }) =>
        `${level} ${message}${err === undefined ? "" : `: ${errorMessage(err)}`}`,
    );
  }

  put(name: string, extra: object = {}): void {
    this.server.collection.put({ ...extra, metadata: { name } });
  }

  /** Turns until the condition holds; timers of the fake clock fire as soon as one is due within a minute. */
  async until(condition: () => boolean, patienceMs = 60_000): Promise<void> {
    const end = performance.now() + 5000;
    while (!condition()) {
      const [next = Number.POSITIVE_INFINITY] = this.clock.pending;
      if (next <= patienceMs) this.clock.advance(next);
      if (performance.now() > end) throw new Error("the condition never held");
      await setImmediate();
    }
  }

  /** How long the reflector waits after a failure; any longer timer is the limit of its watch. */
  get backoffMs(): number | undefined {
    return this.clock.pending.find((ms) => ms <= 100_000);
  }

  async untilEqual(): Promise<void> {
    const text = (objects: object[]): string => JSON.stringify(objects.map((o) => JSON.stringify(o)).sort());
    await this.until(() => this.store.hasSynced && text(this.store.list()) === text(this.server.collection.all()));
  }

  async untilLastEvent(ms: number): Promise<void> {
    const line = `kube_watch_last_event_timestamp_seconds{kind="Service"} ${ms / 1000}`;
    await vi.waitFor(async () => expect(await this.metrics.metrics()).toContain(line), { interval: 1 });
  }

  async restarts(): Promise<string[]> {
    const text = await this.metrics.metrics();
    return [...text.matchAll(/kube_watch_restarts_total\{kind="Service",reason="(.*)"\} (\d+)/g)].map(
      ([, reason, count]) => `${reason} ${count}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new Error("test is over"));
    await this.running;
    await this.client[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** Answers with a stream that says this. */
export function say(text: string, end: boolean): Fault {
  return (_, reply) => {
    reply.writeHead(200, { "content-type": "application/json" });
    reply.write(text);
    if (end) reply.end();
    return true;
  };
}

export function refuse(code: number, reason: string, headers: Record<string, string> = {}): Fault {
  return (_, reply) => {
    answerStatus(reply, code, reason, headers);
    return true;
  };
}
