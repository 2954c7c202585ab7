import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { services } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { orAborted } from "../base/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import { ConnectionError, KubeApiError, Reflector, Store } from "./index.ts";
import { Collection } from "./testing/collection.ts";
import type { Inbox } from "./testing/inbox.ts";
import type { Request } from "./testing/serve.ts";
import { type RawEvent, type Wire, WireClient } from "./testing/wire-client.ts";

/** A wire whose every hop takes as long as the scheduler likes: what is on its way at the same time comes in any order. */
class ScheduledWire implements Wire {
  readonly #scheduler: fc.Scheduler;
  readonly #streams = new Set<Inbox<RawEvent>>();
  readonly #arrived: { event: RawEvent; inbox: Inbox<RawEvent> }[] = [];
  /** Instead of an answer; one per request. */
  readonly faults: Error[] = [];
  requests = 0;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
  }

  async exchange<T>({ method }: Request, serve: () => T, signal: AbortSignal): Promise<T> {
    this.requests += 1;
    await this.hop(`${method} sent`, signal);
    const fault = this.faults.shift();
    if (fault !== undefined) throw fault;
    const answer = serve();
    await this.hop(`${method} answered`, signal);
    return answer;
  }

  stream(_: Request, inbox: Inbox<RawEvent>): (event: RawEvent) => void {
    this.#streams.add(inbox);
    inbox.use({ [Symbol.dispose]: () => void this.#streams.delete(inbox) });
    let last = Promise.resolve();
    return (event) => {
      // One after the other, as over TCP.
      last = last.then(() => this.hop("event")).then(() => this.#arrive(event, inbox));
    };
  }

  #arrive(event: RawEvent, inbox: Inbox<RawEvent>): void {
    this.#arrived.push({ event, inbox });
    inbox.push(event);
  }

  async hop(what: string, signal: AbortSignal = new AbortController().signal): Promise<void> {
    await orAborted(this.#scheduler.schedule(Promise.resolve(), what), signal);
  }

  end(): void {
    for (const inbox of this.#streams) inbox.end();
  }

  break(error: Error): void {
    for (const inbox of this.#streams) inbox.fail(error);
  }

  /** The last events arrive once more, where they did before: a new stream is never sent what is older than its state. */
  repeat(count: number): void {
    for (const { event, inbox } of this.#arrived.slice(-count)) if (this.#streams.has(inbox)) inbox.push(event);
  }
}

const broken = (): Error => new ConnectionError("http://wire", new Error("broken"));
const refused = (code: number): Error => new KubeApiError({ code, reason: "Refused" });

type Step =
  | { do: "put" | "ownWrite" | "delete" | "recreate"; name: string; owner: string }
  | { do: "end" | "break" | "compact" | "bookmark" }
  | { do: "error" | "fault"; code: number }
  | { do: "repeat"; count: number }
  | { do: "wait"; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("put", "ownWrite", "delete", "recreate"),
      name: fc.constantFrom("a", "b", "c", "d", "e"),
      owner: fc.constantFrom("x", "y"),
    }),
  },
  fc.record({ do: fc.constantFrom("end", "break", "compact", "bookmark") }),
  fc.record({ do: fc.constantFrom("error", "fault"), code: fc.constantFrom(0, 400, 401, 410, 422, 429, 500, 504) }),
  fc.record({ do: fc.constant("repeat"), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant("wait"), ms: fc.integer({ min: 1, max: 60_000 }) }),
) as fc.Arbitrary<Step>;

const keyOf = ({ metadata }: any): string => metadata.name;
const owners = ({ metadata }: any): string[] => Object.values(metadata.labels ?? {});
const sorted = (objects: any[]): any[] => objects.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));

/** What the handlers were told, and whatever of it does not fit to what they were told before. */
function listen(store: Store<any, "owner">): { known: Map<string, any>; odd: string[] } {
  const known = new Map<string, any>();
  const odd: string[] = [];
  store.subscribe({
    add(object) {
      if (known.has(keyOf(object))) odd.push(`${keyOf(object)} added twice`);
      known.set(keyOf(object), object);
    },
    update(before, after) {
      if (JSON.stringify(known.get(keyOf(after))) !== JSON.stringify(before))
        odd.push(`${keyOf(after)} was not so before`);
      if (before.metadata.resourceVersion === after.metadata.resourceVersion)
        odd.push(`${keyOf(after)} did not change`);
      if (before.metadata.uid !== after.metadata.uid) odd.push(`${keyOf(after)} became another`);
      known.set(keyOf(after), after);
    },
    delete(last) {
      if (known.get(keyOf(last))?.metadata.uid !== last.metadata.uid) odd.push(`${keyOf(last)} was not there`);
      known.delete(keyOf(last));
    },
  });
  return { known, odd };
}

it("a store equals the server, and its handlers know what it holds, whatever happens on the way", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(step, { maxLength: 40 }),
      fc.boolean(),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (scheduler, steps, watchList, randoms) => {
        const collection = new Collection();
        const clock = new FakeClock();
        const wire = new ScheduledWire(scheduler);
        const client = Object.assign(new WireClient(collection, wire), { watchList, pageSize: 2 });
        const metrics = new Registry();
        const options = { kind: "Service", logger: nullLogger, metrics };
        const store = new Store<any, "owner">({ ...options, indexes: { owner: owners } });
        const { known, odd } = listen(store);
        const stop = new AbortController();
        const random = (): number => randoms.next().value;
        const running = new Reflector({ ...options, client, resource: services, store, clock, random }).run(
          stop.signal,
        );
        const put = (name: string, owner: string): any =>
          collection.put({ apiVersion: "v1", kind: "Service", metadata: { name, labels: { owner } } } as any);
        const play = async (step: Step): Promise<void> => {
          switch (step.do) {
            case "put":
              return void put(step.name, step.owner);
            case "ownWrite": {
              const answer = structuredClone(put(step.name, step.owner));
              return void wire.hop("own write answered").then(() => store.overlay(answer));
            }
            case "recreate":
              collection.delete(step.name);
              return void put(step.name, step.owner);
            case "delete":
              return void collection.delete(step.name);
            case "error":
              return wire.break(step.code === 0 ? broken() : refused(step.code));
            case "fault":
              return void wire.faults.push(step.code === 0 ? broken() : refused(step.code));
            case "repeat":
              return wire.repeat(step.count);
            case "wait":
              return clock.advance(step.ms);
            case "end":
              return wire.end();
            case "break":
              return wire.break(broken());
            case "compact":
              return collection.compact();
            case "bookmark":
              return collection.bookmark();
          }
        };
        scheduler.scheduleSequence(steps.map((step) => ({ builder: () => play(step), label: JSON.stringify(step) })));
        for (let calm = 0; calm < 8; calm++) {
          await scheduler.waitIdle();
          wire.faults.length = 0;
          await clock.run(60_000);
        }
        await scheduler.waitIdle();
        expect(sorted(store.list())).toEqual(sorted(collection.all()));
        expect(odd).toEqual([]);
        expect(sorted([...known.values()])).toEqual(sorted(collection.all()));
        for (const owner of ["x", "y"])
          expect(sorted(store.byIndex("owner", owner))).toEqual(
            sorted(collection.all().filter((object) => owners(object).includes(owner))),
          );
        stop.abort(new Error("test is over"));
        await running;
        const { requests } = wire;
        await clock.run(600_000);
        expect([wire.requests, collection.watchers, clock.pending]).toEqual([requests, 0, []]);
      },
    ),
    { numRuns: 300 },
  );
}, 60_000);
