import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { ProviderError, type ScopeKey } from "../../provider/index.ts";
import { MemoryProvider, type Observation, World } from "../../provider/testing/memory-provider.ts";
import { nullLogger } from "../../telemetry/index.ts";
import { Snapshots } from "./snapshots.ts";

const { signal } = new AbortController();
const [web, other, unknown] = ["web", "other", "unknown"].map(keyOf) as [ScopeKey, ScopeKey, ScopeKey];

let clock: FakeClock;
let world: World;
let snapshots: Snapshots;

beforeEach(() => {
  clock = new FakeClock();
  world = new World();
  snapshots = new Snapshots(clock, nullLogger, () => [web, other]);
});

function keyOf(name: string): ScopeKey {
  return { kind: "service", id: { clusterId: "cluster-1", uid: `uid-${name}`, namespace: "default", name } };
}

it("rule 3: one batch serves all keys for a minute", async () => {
  const adapter = new MemoryProvider(world);
  await Promise.all([web, other, web].map((key) => snapshots.of(adapter, key, true, signal)));
  expect(world.snapshots).toBe(1);
  clock.advance(60_000);
  expect(await snapshots.of(adapter, web, true, signal)).toEqual({ value: new Map() });
  expect(world.snapshots).toBe(1);
  clock.advance(1);
  await snapshots.of(adapter, web, true, signal);
  expect(world.snapshots).toBe(2);
});

it("rule 3: what was heard of since, or is not in the batch, is looked at live", async () => {
  const adapter = new MemoryProvider(world);
  await snapshots.of(adapter, web, true, signal);
  snapshots.doubt("memory", web);
  expect(await snapshots.of(adapter, web, true, signal)).toBeUndefined();
  expect(await snapshots.of(adapter, other, true, signal)).toBeDefined();
  expect(await snapshots.of(adapter, unknown, true, signal)).toBeUndefined();
  clock.advance(60_001);
  expect(await snapshots.of(adapter, unknown, true, signal)).toBeUndefined();
  expect(world.snapshots).toBe(1);
  expect(await snapshots.of(adapter, web, true, signal)).toBeDefined();
});

it("no batch is read for the sake of one key that is not due", async () => {
  const adapter = new MemoryProvider(world);
  expect(await snapshots.of(adapter, web, false, signal)).toBeUndefined();
  expect(world.snapshots).toBe(0);
  await snapshots.of(adapter, web, true, signal);
  expect(await snapshots.of(adapter, other, false, signal)).toBeDefined();
  expect(world.snapshots).toBe(1);
});

it("what was heard of while the batch was read is looked at live", async () => {
  const reading = Promise.withResolvers<Observation>();
  class Slow extends MemoryProvider {
    override snapshot(): Promise<Observation> {
      return reading.promise;
    }
  }
  const adapter = new Slow(world);
  const waiting = snapshots.of(adapter, other, true, signal);
  clock.advance(100);
  snapshots.doubt("memory", web);
  reading.resolve(new Map());
  expect(await snapshots.of(adapter, web, true, signal)).toBeUndefined();
  expect(await waiting).toBeDefined();
});

describe("a batch that cannot be read", () => {
  let error: unknown;
  class Failing extends MemoryProvider {
    override async snapshot(): Promise<Observation> {
      await super.snapshot();
      throw error;
    }
  }

  it.each(["no luck", new Error("no luck"), new ProviderError({ kind: "forbidden", action: "List" }, "no")])(
    "%s: each is looked at live, and the batch is left alone for a minute",
    async (thrown) => {
      error = thrown;
      const adapter = new Failing(world);
      for (const key of [web, other]) expect(await snapshots.of(adapter, key, true, signal)).toBeUndefined();
      expect(world.snapshots).toBe(1);
    },
  );

  it("is read again after a pause that the provider asked for", async () => {
    error = new ProviderError({ kind: "throttled", scope: "account", retryAfterMs: 1000 }, "slow down");
    const adapter = new Failing(world);
    for (const key of [web, other]) await expect(snapshots.of(adapter, key, true, signal)).rejects.toThrow("slow down");
    expect(world.snapshots).toBe(2);
  });
});
