import { describe, expect, it } from "vitest";
import { Collection } from "./testing/collection.ts";
import { Bench, refuse, say } from "./testing/reflector-bench.ts";
import type { Fault } from "./testing/test-server.ts";

// What a server says that cannot be taken for the state of the cluster.

describe("a server that has lost versions", () => {
  it("is read anew, though it would let the watch go on in silence", async () => {
    await using bench = await Bench.start();
    for (const name of ["a", "b", "c"]) bench.put(name);
    bench.reflect();
    await bench.untilEqual();
    bench.server.collection.restore(new Collection());
    bench.put("a");
    bench.server.reset();
    await bench.untilEqual();
    expect(bench.store.list()).toHaveLength(1);
    expect(await bench.restarts()).toEqual(["connection 1", "lost-versions 1"]);
    bench.put("d");
    await bench.untilEqual();
  });

  it("is noticed also when the watch had ended in order, but early", async () => {
    await using bench = await Bench.start();
    bench.put("a");
    bench.reflect();
    await bench.untilEqual();
    bench.server.collection.restore(new Collection());
    bench.server.end();
    await bench.untilEqual();
    expect(bench.store.list()).toEqual([]);
  });

  it("is not suspected when the watch ended as agreed", async () => {
    await using bench = await Bench.start();
    bench.reflect();
    await bench.untilEqual();
    bench.clock.advance(450_000);
    bench.server.end();
    await bench.until(() => bench.server.watches().length === 2, 0);
    expect(bench.server.calls).toHaveLength(2);
    expect(await bench.restarts()).toEqual(["ended 1"]);
  });
});

it("does not go back when the past is told again", async () => {
  await using bench = await Bench.start();
  const seen: string[] = [];
  bench.store.subscribe({
    update: (before, after) => seen.push(`${before.metadata.resourceVersion} ${after.metadata.resourceVersion}`),
    delete: ({ metadata }) => seen.push(`delete ${metadata.name}`),
  });
  bench.put("a");
  bench.put("b");
  bench.reflect();
  await bench.untilEqual();
  bench.put("a", { spec: { type: "LoadBalancer" } });
  bench.server.collection.delete("b");
  bench.server.collection.retell();
  bench.put("c");
  await bench.untilEqual();
  expect(bench.adds).toEqual(["a", "b", "c"]);
  expect(seen).toEqual(["101 103", "delete b"]);
  expect(await bench.restarts()).toEqual(["expired 1"]);
});

describe("what is no state of the cluster", () => {
  const good = { apiVersion: "v1", kind: "Service", metadata: { name: "a", resourceVersion: "900" } };
  const event = (object: unknown): Fault => say(`${JSON.stringify({ type: "ADDED", object })}\n`, false);

  it.each<[string, Fault, string]>([
    ["another kind", event({ ...good, kind: "Pod" }), "the watch sent a Pod, expected a Service"],
    ["no metadata", event({ kind: "Service" }), "without metadata.name or resourceVersion"],
    ["no name", event({ ...good, metadata: { resourceVersion: "900" } }), "without metadata.name or resourceVersion"],
    ["no version", event({ ...good, metadata: { name: "a" } }), "without metadata.name or resourceVersion"],
    ["a list instead of a stream", say('{"kind":"PodList","items":[]}\n', true), "a line that is no event"],
    [
      "a page of a proxy",
      (_, reply) => {
        reply.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>");
        return true;
      },
      "got text/html: no answer of a Kubernetes API server; check the server's address and any proxy on the way",
    ],
  ])("%s is refused in one clear line, and changes nothing", async (_, fault, says) => {
    await using bench = await Bench.start();
    bench.put("kept");
    bench.reflect();
    await bench.untilEqual();
    bench.server.faults.push(() => false, fault);
    bench.server.reset();
    await bench.until(() => bench.logged.length === 2);
    expect(bench.logged[1]).toMatch(/^warn watch failed: /);
    expect(bench.logged[1]).toContain(says);
    expect(bench.adds).toEqual(["kept"]);
    bench.put("new");
    await bench.untilEqual();
    expect(bench.adds).toEqual(["kept", "new"]);
  });
});

it("tells of a failure that lasts once in ten minutes, and when it is over", async () => {
  await using bench = await Bench.start();
  const failures = 12;
  bench.server.faults.push(...Array.from({ length: failures }, () => refuse(403, "Forbidden")));
  bench.reflect();
  const start = bench.clock.now();
  await bench.until(() => bench.server.calls.length > failures && bench.store.hasSynced, 100_000);
  expect(bench.clock.now() - start).toBeLessThan(600_000);
  expect(bench.logged.filter((line) => line.startsWith("debug"))).toHaveLength(failures - 1);
  expect(bench.logged.filter((line) => !line.startsWith("debug"))).toEqual([
    "warn watch failed: Forbidden, says the test",
    "info watch works again",
  ]);
  const why = "allow `list, watch services` to this account, as its role of the chart does";
  expect(bench.log.lines.find(({ level }) => level === "warn")?.fields).toMatchObject({ why });
});
