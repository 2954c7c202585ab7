import { expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { Pacer } from "./pacer.ts";

it("each key has its turn in the order of asking, whoever asks again meanwhile", () => {
  const clock = new FakeClock();
  const pacer = new Pacer(2, clock);
  expect(["a", "b", "c", "b"].map((key) => pacer.waitOf(key))).toEqual([undefined, 500, 1000, 500]);
  clock.advance(500);
  expect(["c", "b", "a"].map((key) => pacer.waitOf(key))).toEqual([500, undefined, 1000]);
});

it("after a rest nothing is saved up", () => {
  const clock = new FakeClock();
  const pacer = new Pacer(2, clock);
  clock.advance(60_000);
  expect(["a", "b"].map((key) => pacer.waitOf(key))).toEqual([undefined, 500]);
});
