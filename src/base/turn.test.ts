import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { atOnce, inTurns, type Steps, Turn } from "./index.ts";

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

it("does work in steps in several turns, or in one", async () => {
  const done: number[] = [];
  function* count(): Steps<string> {
    for (let i = 0; i < 5; i++) {
      done.push(i);
      yield 64;
    }
    return "all";
  }
  const counting = inTurns(count());
  expect(done).toEqual([0]);
  expect(await counting).toBe("all");
  expect(done).toEqual([0, 1, 2, 3, 4]);
  expect(atOnce(count())).toBe("all");
});
