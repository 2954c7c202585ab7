import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../src/base/fake-clock.ts";
import type { PlanStep, ScopeKey } from "../../src/provider/index.ts";
import type { ServiceDesired } from "../../src/provider/testing/conformance.ts";
import type { GcpAdapter } from "./adapter.ts";
import { Cloud, wishOf } from "./testing/cloud.ts";
import { id } from "./testing/values.ts";

const { signal } = new AbortController();
const key: ScopeKey = { kind: "service", id };
const never = 1_000_000;

let cloud: Cloud;
let clock: FakeClock;
let adapter: GcpAdapter;

beforeAll(async () => {
  clock = new FakeClock();
  cloud = await Cloud.start({ steps: never, clock });
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => {
  cloud.gce.clear();
  adapter = cloud.adapter();
});

async function stepsFor(wish: ServiceDesired): Promise<readonly PlanStep[]> {
  return adapter.plan(key, wish, await adapter.observe(key, "live", signal)).steps;
}

/** What was asked for since the last time. */
function takeAsked(): readonly string[] {
  return cloud.gce.journal.splice(0).map(({ method }) => method);
}

/** The first step of a new load balancer goes on, and that was seen. */
async function begin(): Promise<PlanStep> {
  const [step] = await stepsFor(wishOf());
  await adapter.apply(step!, new Map(), signal);
  await stepsFor(wishOf());
  takeAsked();
  return step!;
}

it("asks for nothing but the operation while one goes on", async () => {
  const step = await begin();
  for (let i = 0; i < 3; i++) {
    expect(await stepsFor(wishOf())).toContainEqual(step);
    expect(await adapter.apply(step, new Map(), signal)).toMatchObject({ state: "pending" });
  }
  expect(takeAsked()).toEqual(["get", "get", "get"]);
});

it("begins nothing new in a whole plan that it made from what it saw before", async () => {
  const members: ScopeKey = { kind: "members", id };
  const stepsOfMembers = async (): Promise<readonly PlanStep[]> => {
    const desired = { ...wishOf(), kind: "members" } as const;
    return adapter.plan(members, desired, await adapter.observe(members, "live", signal)).steps;
  };
  const [first] = await stepsOfMembers();
  await adapter.apply(first!, new Map(), signal);
  await stepsOfMembers();
  const [, ...others] = await stepsOfMembers();
  takeAsked();
  expect(others.length).toBeGreaterThan(1);
  for (const step of others)
    expect(await adapter.apply(step, new Map(), signal)).toMatchObject({ state: "pending", pollAfterMs: 0 });
  expect(takeAsked()).toEqual([]);
  const other = (await stepsOfMembers()).find(({ action, id: step }) => action === "create" && step !== first?.id);
  expect(await adapter.apply(other!, new Map(), signal)).toMatchObject({ state: "pending", pollAfterMs: 1 });
});

it("looks again after half a minute, and once the operation is over", async () => {
  const step = await begin();
  clock.advance(30_001);
  await stepsFor(wishOf());
  expect(takeAsked()).toContain("list");
  await stepsFor(wishOf());
  expect(takeAsked()).toEqual([]);
  for (let i = 0; i < never; i++) cloud.gce.operations.advance();
  expect(await adapter.apply(step, new Map(), signal)).toEqual({ state: "done" });
  await stepsFor(wishOf());
  expect(takeAsked()).toContain("list");
});

it("begins nothing new by what it saw before: it looks first", async () => {
  await begin();
  const [other] = await stepsFor(wishOf({ annotations: { "berth.dev/network-tier": "Standard" } }));
  expect(await adapter.apply(other!, new Map(), signal)).toMatchObject({ state: "pending", pollAfterMs: 0 });
  expect(takeAsked()).toEqual([]);
  await stepsFor(wishOf());
  expect(takeAsked()).toContain("list");
});

it("looks again and again once an operation is over of which nobody asked", async () => {
  await begin();
  for (let i = 0; i < never; i++) cloud.gce.operations.advance();
  clock.advance(30_001);
  for (let i = 0; i < 2; i++) {
    await stepsFor(wishOf());
    expect(takeAsked()).toContain("list");
  }
});

it("shows others how they are all the same", async () => {
  await begin();
  const other: ScopeKey = { kind: "service", id: { ...id, uid: "another", name: "other" } };
  await adapter.observe(other, "live", signal);
  expect(takeAsked()).toContain("list");
});
