import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Bench, refuse, say } from "./testing/reflector-bench.ts";
import { status } from "./testing/serve.ts";
import { answerStatus, type Fault } from "./testing/test-server.ts";

const item = (name: string): object => ({ apiVersion: "v1", kind: "Service", metadata: { name } });

it.each(["http", "https"] as const)("syncs by one watch and follows, over %s", async (protocol) => {
  await using bench = await Bench.start({ protocol });
  bench.server.collection.put(item("a") as any);
  bench.reflect();
  await bench.store.synced;
  expect(bench.adds).toEqual(["a"]);
  bench.put("b");
  bench.put("a", { spec: { type: "LoadBalancer" } });
  bench.server.collection.delete("b");
  bench.put("c");
  await bench.untilEqual();
  expect(bench.server.calls).toHaveLength(1);
  expect(Object.fromEntries(bench.server.calls[0]!.query)).toEqual({
    watch: "true",
    allowWatchBookmarks: "true",
    timeoutSeconds: "450",
    sendInitialEvents: "true",
    resourceVersionMatch: "NotOlderThan",
  });
});

it("lists by pages where the server sends no initial state, and never asks for it again", async () => {
  await using bench = await Bench.start({ watchList: false });
  for (let i = 0; i < 1201; i++) bench.server.collection.put(item(`s-${i}`) as any);
  bench.reflect();
  await bench.untilEqual();
  await bench.until(() => bench.server.watches().length === 2);
  bench.put("late");
  await bench.untilEqual();
  expect(bench.server.calls.map(({ query }) => query.get("continue") ?? query.get("resourceVersion"))).toEqual([
    null,
    null,
    "500@1301",
    "1000@1301",
    "1301",
  ]);
  expect(await bench.restarts()).toEqual(["no-watch-list 1"]);
});

it("lists in one piece when a page token expires on the way", async () => {
  await using bench = await Bench.start({ watchList: false });
  for (let i = 0; i < 600; i++) bench.server.collection.put(item(`s-${i}`) as any);
  const list: Fault = () => false;
  bench.server.faults.push(list, list, (_, reply) => {
    answerStatus(reply, 410, "Expired");
    return true;
  });
  bench.reflect();
  await bench.untilEqual();
  expect(bench.server.calls.map(({ query }) => query.get("limit"))).toEqual([null, "500", "500", "0"]);
});

const errorEvent = (code: number, reason: string): string =>
  `${JSON.stringify({ type: "ERROR", object: status(code, reason) })}\n`;

describe.each(["http", "https"] as const)("over %s, equals the server again after", (protocol) => {
  it.each<[string, Fault, string]>([
    ["an end in order", say("", true), "broken-stream 1"],
    [
      "a reset",
      (_, reply) => {
        reply.writeHead(200).write(" ");
        setTimeout(() => reply.destroy(), 1);
        return true;
      },
      protocol === "http" ? "connection" : "",
    ],
    ["garbage", say("<html>\n", true), "broken-stream 1"],
    ["half a line", say('{"type":"ADDED","obj', true), "broken-stream 1"],
    ["an expired version", refuse(410, "Expired"), "expired 1"],
    ["an ERROR event with an expired version", say(errorEvent(410, "Expired"), false), "expired 1"],
    ["an ERROR event with an internal error", say(errorEvent(500, "InternalError"), false), "http-500 1"],
    ["500", refuse(500, "InternalError"), "http-500 1"],
    ["503", refuse(503, "ServiceUnavailable"), "http-503 1"],
    ["429 with Retry-After", refuse(429, "TooManyRequests", { "retry-after": "7" }), "http-429 1"],
    ["401", refuse(401, "Unauthorized"), "http-401 1"],
    [
      "a proxy's page",
      (_, reply) => {
        reply.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>");
        return true;
      },
      "http-502 1",
    ],
  ])("%s", async (_, fault, reason) => {
    await using bench = await Bench.start({ protocol });
    bench.server.collection.put(item("kept") as any);
    bench.server.collection.put(item("gone") as any);
    bench.reflect();
    await bench.untilEqual();
    // Breaks the first watch, whose successor (after a look at the version) meets the fault; meanwhile the world moves on.
    bench.server.faults.push(() => false, fault);
    bench.server.reset();
    bench.server.collection.delete("gone");
    bench.put("new");
    await bench.untilEqual();
    expect(bench.adds).toEqual(["kept", "gone", "new"]);
    const restarts = await bench.restarts();
    if (reason !== "") expect(restarts.join(", ")).toContain(reason);
  });
});

it("resumes where it was, so that nothing is read twice", async () => {
  await using bench = await Bench.start();
  bench.server.collection.put(item("a") as any);
  bench.reflect();
  await bench.untilEqual();
  bench.put("b");
  await bench.untilEqual();
  const { version } = bench.server.collection;
  bench.server.reset();
  await bench.until(() => bench.server.watches().length === 2);
  expect(bench.server.watches()[1]!.query.get("resourceVersion")).toBe(version);
});

it("moves on with bookmarks, so that a quiet kind does not expire", async () => {
  await using bench = await Bench.start();
  bench.reflect();
  await bench.untilEqual();
  // Other kinds moved the version; ours saw only the bookmark.
  bench.put("x");
  bench.server.collection.delete("x");
  await bench.untilEqual();
  bench.clock.advance(1000);
  bench.server.collection.bookmark();
  await bench.untilLastEvent(bench.clock.now());
  bench.server.collection.compact();
  bench.server.reset();
  await bench.until(() => bench.server.watches().length === 2);
  bench.put("y");
  await bench.untilEqual();
  expect(await bench.restarts()).toEqual(["connection 1"]);
});

it("A19: an expired version is read anew, with tombstones: deletes what vanished while it could not look", async () => {
  await using bench = await Bench.start();
  const deleted: string[] = [];
  bench.store.subscribe({ delete: (last) => deleted.push(last.metadata.name ?? "") });
  bench.server.collection.put(item("a") as any);
  bench.server.collection.put(item("b") as any);
  bench.reflect();
  await bench.untilEqual();
  bench.server.faults.push(() => false, refuse(503, "ServiceUnavailable"));
  bench.server.reset();
  await bench.until(() => bench.server.watches().length === 2);
  bench.server.collection.delete("a");
  bench.server.collection.compact();
  await bench.untilEqual();
  expect(deleted).toEqual(["a"]);
  expect(bench.adds).toEqual(["a", "b"]);
});

it("waits 0.8 s to 30 s with jitter between failures, as long as the server asks, and starts over when healthy", async () => {
  await using bench = await Bench.start();
  bench.server.faults.push(
    ...Array.from({ length: 8 }, () => refuse(503, "ServiceUnavailable")),
    refuse(429, "TooManyRequests", { "retry-after": "100" }),
  );
  bench.reflect();
  const waits: number[] = [];
  for (let failures = 1; failures <= 9; failures++) {
    await bench.until(() => bench.server.calls.length === failures && bench.backoffMs !== undefined, 0);
    const wait = bench.backoffMs ?? 0;
    waits.push(wait);
    bench.clock.advance(wait);
  }
  // Times 1.5, as the jitter here is always half.
  expect(waits).toEqual([1200, 2400, 4800, 9600, 19_200, 38_400, 45_000, 45_000, 100_000]);
  await bench.untilEqual();
  bench.clock.advance(120_000);
  bench.server.faults.push(refuse(503, "ServiceUnavailable"));
  bench.server.reset();
  await bench.until(() => bench.backoffMs !== undefined, 0);
  expect(bench.backoffMs).toBe(1200);
});

describe("an optional kind", () => {
  it("that the server does not serve has no objects, and is asked for again until it is there", async () => {
    await using bench = await Bench.start();
    bench.put("a");
    bench.server.faults.push(refuse(404, "NotFound"), refuse(404, "NotFound"));
    bench.reflect(true);
    await bench.store.synced;
    expect(bench.store.size).toBe(0);
    for (const calls of [1, 2]) {
      await bench.until(() => bench.server.calls.length === calls && bench.backoffMs !== undefined, 0);
      expect(bench.backoffMs).toBe(15_000);
      bench.clock.advance(15_000);
    }
    await bench.untilEqual();
    expect(bench.logged.filter((line) => line.startsWith("warn"))).toHaveLength(1);
  });

  it("that is missing for a while keeps its objects", async () => {
    await using bench = await Bench.start();
    bench.put("a");
    bench.reflect(true);
    await bench.untilEqual();
    bench.server.faults.push(refuse(404, "NotFound"));
    bench.server.reset();
    await bench.until(() => bench.backoffMs !== undefined, 0);
    bench.clock.advance(bench.backoffMs ?? 0);
    await bench.until(() => bench.backoffMs === 15_000, 0);
    expect(bench.store.size).toBe(1);
    bench.put("b");
    bench.clock.advance(15_000);
    await bench.untilEqual();
  });
});

it("ends a watch that the server forgot to end", async () => {
  await using bench = await Bench.start();
  bench.reflect();
  await bench.untilEqual();
  bench.clock.advance(450_000 + 30_000);
  await bench.until(() => bench.server.watches().length === 2, 0);
  expect(await bench.restarts()).toEqual(["overdue 1"]);
});

it("takes a server for one without initial states that ends the watch without saying so", async () => {
  await using bench = await Bench.start();
  bench.server.collection.put(item("a") as any);
  const object = { metadata: { name: "a", resourceVersion: "1" } };
  bench.server.faults.push(say(`${JSON.stringify({ type: "ADDED", object })}\n`, true));
  bench.reflect();
  await bench.untilEqual();
  expect(bench.server.calls[1]!.query.get("limit")).toBe("500");
});

describe("stop", () => {
  /** Each fault holds the reflector at another place; the state says that it has come there. */
  it.each<[string, boolean, Fault[], (bench: Bench) => boolean]>([
    ["before the first answer", true, [() => true], ({ server }) => server.calls.length === 1],
    [
      "within the initial state",
      true,
      [say(`${JSON.stringify({ type: "ADDED", object: item("a") })}\n`, false)],
      ({ server }) => server.calls.length === 1,
    ],
    ["in a watch", true, [], ({ store }) => store.hasSynced],
    ["in a back-off", true, [refuse(500, "InternalError")], ({ backoffMs }) => backoffMs !== undefined],
    ["in a list", false, [() => false, () => true], ({ server }) => server.calls.length === 2],
    [
      "in an error's body",
      true,
      [
        (_, reply) => {
          reply.writeHead(500).write("{");
          return true;
        },
      ],
      ({ server }) => server.calls.length === 1,
    ],
  ])("%s ends the reflector, and nothing is sent after", async (_, watchList, faults, there) => {
    await using bench = await Bench.start({ watchList });
    bench.server.faults.push(...faults);
    bench.reflect();
    await bench.until(() => there(bench), 0);
    for (let i = 0; i < 5; i++) await setImmediate();
    bench.stop.abort(new Error("stopped"));
    await bench.running;
    const { length } = bench.server.calls;
    expect(bench.clock.pending).toEqual([]);
    bench.clock.advance(3_600_000);
    for (let i = 0; i < 20; i++) await setImmediate();
    expect(bench.server.calls).toHaveLength(length);
  });

  it("before the start sends nothing at all", async () => {
    await using bench = await Bench.start();
    bench.stop.abort(new Error("stopped"));
    bench.reflect();
    await bench.running;
    expect(bench.server.calls).toEqual([]);
  });
});

it("tells when it last heard of its kind", async () => {
  await using bench = await Bench.start();
  bench.reflect();
  await bench.untilEqual();
  bench.clock.advance(5000);
  bench.put("a");
  await bench.untilLastEvent(bench.clock.now());
});
