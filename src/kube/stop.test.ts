import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Lease, services } from "../api/index.ts";
import { orAborted, untilAbort } from "../base/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import {
  ConnectionError,
  type Credentials,
  EventRecorder,
  KubeApiError,
  KubeClient,
  LeaseElection,
  LeaseLostError,
  Reflector,
  Store,
  WorkQueue,
  type WorkResult,
} from "./index.ts";
import { Collection } from "./testing/collection.ts";
import { Steps } from "./testing/steps.ts";
import { answerStatus, type Fault, TestServer, testCa } from "./testing/test-server.ts";
import { WireClient } from "./testing/wire-client.ts";

const tls = { ca: testCa };
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeEach(() => void process.on("unhandledRejection", note));
afterEach(() => {
  process.off("unhandledRejection", note);
  expect(unhandled.splice(0)).toEqual([]);
});

/** Something to stop: what is done to it, one act after the other, and what must hold once it has ended. */
interface Run {
  readonly ended: Promise<unknown>;
  readonly acts: readonly (() => void)[];
  /** How long it may take to end when the server does not answer; no time at all by default. */
  readonly withinMs?: number;
  check(steps: Steps): void;
}

/** Plays the same story again and again, stopped at its first moment, its second, and so on to its end. */
async function stopEverywhere(start: (steps: Steps) => Run): Promise<string[]> {
  for (let stopAt = 0; ; stopAt++) {
    const steps = new Steps(stopAt);
    const { ended, acts, withinMs = 0, check } = start(steps);
    const state = { ended: false };
    void ended.finally(() => (state.ended = true)).catch(() => {});
    for (const act of [...acts, () => steps.stop("the story ends")]) {
      await steps.settle();
      if (steps.signal.aborted) break;
      act();
    }
    await steps.settle();
    if (!state.ended && steps.lateFault) steps.time.advance(withinMs);
    await steps.settle();
    const where = `${String(steps.signal.reason)} (${stopAt})`;
    expect(state.ended, where).toBe(true);
    check(steps);
    // And nothing is left that would wake up later.
    expect(steps.time.pending, where).toEqual([]);
    if (stopAt >= steps.reached.length) return steps.reached;
  }
}

const broken = new ConnectionError("http://wire", new Error("broken"));
const gone = new KubeApiError({ code: 410, reason: "Expired" });
const internal = new KubeApiError({ code: 500, reason: "InternalError" });

describe("a stop at every moment of", () => {
  it.each([
    ["the list", false],
    ["the watch list", true],
  ])("a reflector over %s ends it, and nothing is asked or told after", async (_, watchList) => {
    const moments = await stopEverywhere((steps) => {
      const collection = new Collection();
      const client = Object.assign(new WireClient(collection, steps), { watchList, pageSize: 2 });
      for (let i = 0; i < 5; i++) collection.put({ metadata: { name: `s-${i}` } });
      const metrics = new Registry();
      const store = new Store<any>({ kind: "Service", logger: nullLogger, metrics });
      const told: string[] = [];
      let stopped = false;
      // A full state that is being told is told to its end.
      steps.signal.addEventListener("abort", () => queueMicrotask(() => (stopped = true)));
      const tell = ({ metadata }: any): void => {
        if (stopped) told.push(metadata.name);
        steps.reach("a handler runs");
      };
      store.subscribe({ add: tell, update: (_, after) => tell(after), delete: tell });
      const options = { client, resource: services, store, logger: nullLogger, metrics, clock: steps.clock };
      return {
        ended: new Reflector({ ...options, random: () => 0 }).run(steps.signal),
        acts: [
          () => collection.put({ metadata: { name: "s-1" } }),
          () => {
            for (let i = 0; i < 3; i++) collection.put({ metadata: { name: `burst-${i}` } });
          },
          () => collection.bookmark(),
          () => steps.cut(),
          () => steps.cut(broken),
          () => steps.time.advance(800),
          () => {
            steps.faults.push("serve", "serve", gone);
            steps.cut(gone);
          },
          () => steps.time.advance(1600),
          () => {
            steps.faults.push(internal, broken, "hang");
            steps.cut();
          },
          () => steps.time.advance(3200),
          () => steps.time.advance(6400),
        ],
        check: ({ late }) => {
          expect(late).toEqual([]);
          expect(told).toEqual([]);
          expect(collection.watchers).toBe(0);
        },
      };
    });
    expect(moments.length).toBeGreaterThan(60);
  });

  it.each<[string, (world: { collection: Collection<Lease>; steps: Steps; finish(): void }) => (() => void)[]]>([
    ["that nobody has", ({ steps }) => [() => steps.time.advance(2000), () => steps.time.advance(2000)]],
    [
      "whose answers are lost",
      ({ steps }) => {
        steps.faults.push("serve", "hang", "serve", "hang");
        return [() => steps.time.advance(5000), () => steps.time.advance(2000), () => steps.time.advance(2000)];
      },
    ],
    [
      "that somebody else writes to and deletes",
      ({ collection, steps }) => [
        () => {
          collection.put({ ...collection.get("lease"), metadata: { name: "lease", labels: { x: "y" } } });
          steps.time.advance(2000);
        },
        () => {
          collection.delete("lease");
          steps.time.advance(2000);
        },
      ],
    ],
    [
      "that somebody else takes",
      ({ collection, steps }) => [
        () => {
          collection.put({ metadata: { name: "lease" }, spec: { holderIdentity: "thief" } });
          steps.time.advance(2000);
        },
      ],
    ],
    [
      "that expires after another's death",
      ({ collection, steps }) => {
        collection.put({ metadata: { name: "lease" }, spec: { holderIdentity: "dead", leaseDurationSeconds: 15 } });
        steps.faults.push("serve", broken);
        return [() => steps.time.advance(15_000), () => steps.time.advance(2000), () => steps.time.advance(2000)];
      },
    ],
    ["whose work ends by itself", ({ finish }) => [finish]],
  ])("an election for a lease %s releases it at once and asks nothing else", async (_, story) => {
    const moments = await stopEverywhere((steps) => {
      const collection = new Collection<Lease>();
      const work = Promise.withResolvers<void>();
      const acts = story({ collection, steps, finish: () => work.resolve() });
      const election = new LeaseElection({
        client: new WireClient(collection, steps),
        namespace: "berth",
        name: "lease",
        identity: "me",
        logger: nullLogger,
        metrics: new Registry(),
        clock: steps.clock,
        random: () => 0,
      });
      const lead = async (leading: AbortSignal): Promise<void> => {
        steps.reach("it leads");
        await Promise.race([untilAbort(leading), work.promise]);
      };
      return {
        ended: election.run(lead, steps.signal).catch((error: unknown) => {
          if (!(error instanceof LeaseLostError)) throw error;
        }),
        acts,
        withinMs: 1000,
        check: ({ late, lateFault }) => {
          // A renewal may begin before the work has ended, and get in the way of the release.
          expect(late.join(" ")).toMatch(/^(PATCH ?)?(GET ?(PATCH ?)?){0,2}$/);
          if (!lateFault) expect(collection.get("lease")?.spec?.holderIdentity).not.toBe("me");
          expect(election.mayWrite()).toBe(false);
          expect(collection.watchers).toBe(0);
        },
      };
    });
    expect(moments.length).toBeGreaterThan(10);
  });

  it("work on a queue begins no more, and waits only for what was begun", async () => {
    const moments = await stopEverywhere((steps) => {
      const queue = new WorkQueue({
        name: "test",
        logger: nullLogger,
        metrics: new Registry(),
        clock: steps.clock,
        random: () => 0,
      });
      const begunLate: string[] = [];
      let tries = 0;
      const work = async (key: string, signal: AbortSignal): Promise<WorkResult | void> => {
        if (signal.aborted) begunLate.push(key);
        steps.reach(`work on ${key} begins`);
        await orAborted(setImmediate(), signal);
        steps.reach(`work on ${key} ends`);
        if (key === "bad" && tries++ < 2) throw new Error("no");
        if (key === "again") return { requeueAfterMs: 1000 };
      };
      for (const key of ["a", "bad", "again"]) queue.add(key);
      queue.addAfter("later", 5000);
      return {
        ended: queue.run(2, work, steps.signal),
        acts: [
          () => {
            for (const key of ["b", "c", "d"]) {
              queue.add(key);
              steps.reach(`${key} is added`);
            }
          },
          () => steps.time.advance(5),
          () => steps.time.advance(10),
          () => steps.time.advance(1000),
          () => steps.time.advance(4000),
        ],
        check: () => expect(begunLate).toEqual([]),
      };
    });
    expect(moments.length).toBeGreaterThan(30);
  });
});

/** Runs until it has ended; as nothing else moves any more, the next timer fires. */
async function drive(steps: Steps, ended: Promise<unknown>): Promise<void> {
  const state = { ended: false };
  void ended.then(() => (state.ended = true));
  for (let reached = -1, quiet = 0; !state.ended; ) {
    await setImmediate();
    quiet = reached === steps.reached.length ? quiet + 1 : 0;
    reached = steps.reached.length;
    const [next] = steps.time.pending;
    if (steps.signal.aborted) {
      // An abort needs no time, only turns.
      if (quiet > 5000) throw new Error(`${String(steps.signal.reason)}, and it does not end`);
    } else if (quiet > 200 && next !== undefined && next <= 3000) steps.time.advance(next);
  }
}

describe.each(["http", "https"] as const)("over %s, a stop at every moment of", (protocol) => {
  const deny =
    (code: number, headers: Record<string, string> = {}): Fault =>
    (_, reply) => {
      answerStatus(reply, code, "Refused", headers);
      return true;
    };

  it.each<[string, Fault[], (client: KubeClient, steps: Steps) => Promise<unknown>]>([
    [
      "a request that is tried again",
      [deny(429, { "retry-after": "1" }), deny(401), deny(503, { "retry-after": "2" })],
      (client, { signal }) => client.list(services, {}, signal),
    ],
    [
      "a watch",
      [],
      async (client, steps) => {
        const query = { sendInitialEvents: true };
        for await (const { type } of client.watch("/api/v1/services", query, steps.signal)) {
          steps.reach(`${type} is read`);
          if (type === "BOOKMARK") break;
        }
      },
    ],
    [
      "a watch that is refused",
      [deny(401)],
      async (client, { signal }) => {
        const refused = (error: unknown): void => {
          if (!(error instanceof KubeApiError)) throw error;
        };
        await Array.fromAsync(client.watch("/api/v1/services", {}, signal)).catch(refused);
      },
    ],
  ])("%s ends it with the reason, and nothing is sent after", async (_, faults, use) => {
    let length = 0;
    for (let stopAt = 0; stopAt <= length; stopAt++) {
      const steps = new Steps(stopAt);
      await using server = await TestServer.start({ protocol });
      for (const name of ["a", "b"]) server.collection.put({ metadata: { name } });
      const arrivals: boolean[] = [];
      const arrive =
        (fault: Fault): Fault =>
        (call, reply) => {
          arrivals.push(steps.signal.aborted);
          steps.reach(`${call.method} arrives`);
          return fault(call, reply);
        };
      server.faults.push(...[...faults, () => false, () => false].map(arrive));
      const connection = {
        server: server.url,
        async credentials(): Promise<Credentials> {
          if (steps.signal.aborted) steps.late.push("credentials");
          steps.reach("credentials are asked for");
          await setImmediate();
          steps.reach("credentials are there");
          return { tls, headers: {} };
        },
      };
      await using client = new KubeClient({ connection, metrics: new Registry(), clock: steps.clock });
      const ended = use(client, steps).then(
        () => undefined,
        (error: unknown) => error,
      );
      await drive(steps, ended);
      const where = `${String(steps.signal.reason)} (${stopAt})`;
      // The story's last moments are after its end.
      if (steps.signal.aborted && (await ended) !== undefined) expect(await ended, where).toBe(steps.signal.reason);
      while (server.collection.watchers > 0) await setImmediate();
      expect(steps.late, where).toEqual([]);
      // At most what was on its way already.
      expect(arrivals.filter(Boolean).length, where).toBeLessThanOrEqual(where.includes("credentials") ? 0 : 1);
      await client[Symbol.asyncDispose]();
      // Closing a session takes a turn or two.
      while (steps.time.pending.length > 0) await setImmediate();
      length = Math.max(length, steps.reached.length);
    }
    expect(length).toBeGreaterThan(5);
  });
});

it("an event recorder that is closed at any moment ends within 2 s, and sends nothing after", async () => {
  for (let closeAt = 0, moments = 1; closeAt <= moments; closeAt++) {
    const steps = new Steps(closeAt);
    const collection = new Collection();
    const metrics = new Registry();
    const recorder = new EventRecorder({
      client: new WireClient(collection, steps),
      controller: "berth.dev/controller",
      instance: "pod",
      logger: nullLogger,
      metrics,
      clock: steps.clock,
      random: () => 0,
    });
    let closed = false;
    steps.signal.addEventListener("abort", () => void recorder[Symbol.asyncDispose]().then(() => (closed = true)));
    steps.faults.push("serve", broken, broken, "serve", "hang", internal);
    for (const note of ["one", "two", "one", "three"])
      recorder.event({ kind: "Service", metadata: { name: "s" } }, { type: "Normal", reason: "R", action: "A", note });
    for (const ms of [0, 1000, 2000, 10_000, 1000]) {
      await steps.settle();
      if (steps.signal.aborted) break;
      steps.time.advance(ms);
    }
    await steps.settle();
    if (!steps.signal.aborted) steps.stop("the story ends");
    await steps.time.run(2000);
    await steps.settle();
    expect(closed, `${steps.signal.reason}`).toBe(true);
    expect(steps.time.pending).toEqual([]);
    const sent = steps.late.length;
    await steps.time.run(60_000);
    expect(steps.late).toHaveLength(sent);
    moments = steps.reached.length;
  }
});
