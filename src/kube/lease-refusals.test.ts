import { describe, expect, it } from "vitest";
import { KubeApiError, LeaseLostError } from "./index.ts";
import { finish, setUp } from "./testing/candidates.ts";

describe.each<[number, string]>([
  [403, "Forbidden"],
  [404, "NotFound"],
  [409, "Conflict"],
  [422, "Invalid"],
  [429, "TooManyRequests"],
  [500, "InternalError"],
])("a lease of which a write is refused by %i %s", (code, reason) => {
  const refusal = new KubeApiError({ code, reason, message: "not now" });

  it("to be taken: it is tried every few seconds, told once, and taken when it may be", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    a.client.refusal = refusal;
    await clock.run(60_000);
    expect(a.log).toEqual([]);
    expect(a.client.writes.length).toBeGreaterThan(10);
    expect(a.client.writes.length).toBeLessThanOrEqual(31);
    // A conflict means that somebody was faster.
    expect(a.election.failure).toBe(code === 409 ? undefined : refusal);
    expect(a.lines.messages("warn")).toEqual(code === 409 ? [] : ["lease not acquired"]);
    a.client.refusal = undefined;
    await clock.run(5000);
    expect(a.log).toHaveLength(1);
    expect(a.election.failure).toBeUndefined();
    await finish(clock, a);
  });

  it("to be renewed: it is tried every 2 s, and nobody leads on it beyond the deadline", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    await clock.run(1);
    const before = a.client.writes.length;
    a.client.refusal = refusal;
    await clock.run(30_000);
    expect(await a.ended).toBeInstanceOf(LeaseLostError);
    expect(a.client.writes.length - before).toBeLessThanOrEqual(10);
    expect(a.lines.messages("warn")).toContain("lease not renewed");
    expect(a.election.mayWrite()).toBe(false);
    expect(clock.pending).toEqual([]);
  });

  it("to be given back: it ends all the same, and says so", async () => {
    const { clock, join } = setUp();
    const a = join("a");
    await clock.run(1);
    const before = a.client.writes.length;
    a.client.refusal = refusal;
    a.stop.abort(new Error("SIGTERM"));
    await clock.run(0);
    expect(await a.ended).toBe("released");
    expect(a.client.writes.length - before).toBeLessThanOrEqual(5);
    expect(a.lines.messages("warn")).toEqual(["lease not released"]);
    expect(clock.pending).toEqual([]);
  });
});

it("is no trouble of a standby once somebody else has it", async () => {
  const { clock, join } = setUp();
  const a = join("a");
  a.client.refusal = new KubeApiError({ code: 403, reason: "Forbidden" });
  await clock.run(5000);
  expect(a.election.failure).toBe(a.client.refusal);
  const b = join("b");
  await clock.run(5000);
  expect(b.log).toHaveLength(1);
  expect(a.election.failure).toBeUndefined();
  expect(a.lines.messages("info")).toEqual(["lease works again"]);
  await finish(clock, a, b);
});

it("tells once of each holder that does other work, by the lease", async () => {
  const { clock, collection, join } = setUp();
  const a = join("a", "nodes");
  await clock.run(1);
  const [b, c] = [join("b", "nodes"), join("c", "proxies")];
  await clock.run(60_000);
  expect(collection.get("controller")?.metadata.annotations).toEqual({ "example.com/work": "nodes" });
  expect([a.others, b.others, c.others]).toEqual([[], [], ["a: nodes"]]);
  a.stop.abort(new Error("SIGTERM"));
  await clock.run(60_000);
  const [leader, standby] = b.log.length > 0 ? [b, c] : [c, b];
  expect(leader.log).toHaveLength(1);
  expect(standby.others.at(-1)).toBe(leader === b ? "b: nodes" : "c: proxies");
  await finish(clock, a, b, c);
});
