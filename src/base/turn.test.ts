import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { Turn } from "./index.ts";

it("takes 64 steps in one turn of the event loop, and counts anew in the next, however that began", async () => {
  const turn = new Turn();
  const stepsUntilLong = (): number => {
    let steps = 1;
    while (!turn.step()) steps += 1;
    return steps;
  };
  expect(stepsUntilLong()).toBe(64);
  expect(turn.step()).toBe(true);
  await turn.next();
  expect(stepsUntilLong()).toBe(64);
  await setImmediate();
  turn.step();
  await setImmediate();
  expect(stepsUntilLong()).toBe(64);
});

it("takes long steps for several", () => {
  const turn = new Turn();
  expect([turn.step(60), turn.step(3), turn.step(2)]).toEqual([false, false, true]);
});
