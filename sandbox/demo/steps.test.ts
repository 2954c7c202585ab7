import { expect, it } from "vitest";
import { FakeClock } from "../../src/base/fake-clock.ts";
import { FailureError } from "../../src/base/index.ts";
import { Steps } from "./steps.ts";

function stage(signal: AbortSignal = new AbortController().signal): { steps: Steps; clock: FakeClock; text: string[] } {
  const clock = new FakeClock();
  const text: string[] = [];
  return { steps: new Steps({ write: (line) => text.push(line), clock, signal, limitMs: 100 }), clock, text };
}

it("tells a step that worked and returns what it returned", async () => {
  const { steps, text } = stage();
  expect(await steps.run("add", async () => 2)).toBe(2);
  expect(text).toEqual(["  ok    add (0.00 s)\n"]);
});

it("gives a failure the name of its step", async () => {
  const { steps, text } = stage();
  const failing = steps.run("first answer", () => Promise.reject(new Error("connection refused")));
  await expect(failing).rejects.toThrow(new FailureError('step "first answer" failed: connection refused'));
  expect(text).toEqual(["  FAIL  first answer (0.00 s)\n"]);
});

it("asks again until the probe answers, and gives up at the limit with its last words", async () => {
  const { steps, clock } = stage();
  let asked = 0;
  const answered = steps.until(async () => {
    asked += 1;
    if (asked < 3) throw new Error(`not at ${asked}`);
    return asked;
  });
  await advance(clock);
  expect(await answered).toBe(3);

  const refused = steps.until(() => Promise.reject(new Error("refused")));
  const outcome = expect(refused).rejects.toThrow("not within 0.1 s: refused");
  await advance(clock);
  await outcome;
});

it("passes a stop on as it is", async () => {
  const stop = new AbortController();
  const { steps, text } = stage(stop.signal);
  const reason = new Error("stopped by SIGINT");
  stop.abort(reason);
  await expect(steps.run("any", () => Promise.reject(reason))).rejects.toBe(reason);
  expect(text).toEqual([]);
});

/** Lets the code run on to its next timer, and the timer fire, a few times over. */
async function advance(clock: FakeClock): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(50);
  }
}
