import { beforeEach, expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { FamilyRetry } from "./sync-retry.ts";

let clock: FakeClock;
let retry: FamilyRetry;

beforeEach(() => {
  clock = new FakeClock();
  retry = new FamilyRetry(4000, clock, () => 0);
});

it("waits longer with each failure, up to the limit, and no more after a success", () => {
  const waits = [0, 0, 0, 0, 0].map((durationMs) => retry.failed(durationMs));
  expect(waits).toEqual([500, 1000, 2000, 4000, 4000]);
  expect([retry.waitMs, retry.failures, retry.isFailing]).toEqual([4000, 5, true]);
  clock.advance(3999);
  expect(retry.waitMs).toBe(1);
  clock.advance(1);
  expect(retry.waitMs).toBeUndefined();
  expect(retry.isFailing).toBe(true);
  retry.succeeded();
  expect([retry.waitMs, retry.failures, retry.isFailing]).toEqual([undefined, 0, false]);
  expect(retry.failed(0)).toBe(500);
});

it("rests after a failure for as long as it took, a second when it fails again, however much it is to hurry", () => {
  retry.failed(300);
  retry.hurry();
  expect(retry.waitMs).toBe(500);
  for (let i = 0; i < 3; i++) retry.failed(300);
  expect(retry.waitMs).toBe(4000);
  clock.advance(400);
  retry.hurry();
  expect(retry.waitMs).toBe(600);
  expect(retry.failed(9000)).toBe(9000);
  retry.hurry();
  expect(retry.waitMs).toBe(9000);
});

it("is not to wait when nothing failed", () => {
  retry.hurry();
  expect([retry.waitMs, retry.isFailing]).toEqual([undefined, false]);
});
