import { expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { JumpOrder } from "./jump-order.ts";

function order(enforced: boolean): { clock: FakeClock; order: JumpOrder; again: string[] } {
  const clock = new FakeClock();
  const again: string[] = [];
  const options = {
    enforced,
    clock,
    random: () => 0,
    again: (...where: readonly string[]) => again.push(where.join(" ")),
  };
  return { clock, order: new JumpOrder(options), again };
}

const where = ["IPv4", "filter", "INPUT"] as const;

it("moves nothing unless told to", () => {
  const { order: jumps, clock } = order(false);
  expect(jumps.mayMove(...where)).toBe(false);
  jumps.disputed(...where);
  expect(clock.pending).toEqual([]);
});

it("moves at once, then slower and slower, and says when it may again", () => {
  const { order: jumps, clock, again } = order(true);
  expect(jumps.mayMove(...where)).toBe(true);
  for (const waitMs of [5000, 10_000, 20_000]) {
    jumps.moved(...where);
    expect(jumps.mayMove(...where)).toBe(false);
    expect(jumps.mayMove("IPv4", "filter", "FORWARD")).toBe(true);
    jumps.disputed(...where);
    jumps.disputed(...where);
    expect(clock.pending).toEqual([waitMs]);
    clock.advance(waitMs);
    expect(again.splice(0)).toEqual(["IPv4 filter INPUT"]);
    expect(jumps.mayMove(...where)).toBe(true);
  }
});

it("begins anew when nobody disputed the place for long", () => {
  const { order: jumps, clock } = order(true);
  jumps.moved(...where);
  clock.advance(5000);
  jumps.moved(...where);
  clock.advance(10_000 + 600_001);
  jumps.moved(...where);
  jumps.disputed(...where);
  expect(clock.pending).toEqual([5000]);
  jumps[Symbol.dispose]();
  expect(clock.pending).toEqual([]);
});
