import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { whileTerminal } from "./terminal.ts";

it("aborts when the terminal goes away, and not before", () => {
  const clock = new FakeClock();
  let there = true;
  using terminal = whileTerminal(new AbortController().signal, () => there, clock);
  clock.advance(5000);
  expect(terminal.signal.aborted).toBe(false);
  there = false;
  clock.advance(1000);
  expect(terminal.signal.aborted).toBe(true);
});

it("without a terminal aborts only with the signal, and leaves no timer", () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const reason = new Error("stopped by SIGINT");
  {
    using terminal = whileTerminal(stop.signal, () => false, clock);
    expect([terminal.signal.aborted, clock.pending]).toEqual([false, []]);
    stop.abort(reason);
    expect(terminal.signal.reason).toBe(reason);
  }
  using onOne = whileTerminal(new AbortController().signal, () => true, clock);
  onOne[Symbol.dispose]();
  expect(clock.pending).toEqual([]);
});
