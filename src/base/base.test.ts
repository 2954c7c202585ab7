import { describe, expect, it } from "vitest";
import { Backoff, errorMessage, isAbort, onAbort, sleep, systemClock, untilAbort, withTimeout } from "./index.ts";

describe("errorMessage", () => {
  it("tells the causes once, without a stack", () => {
    const error = new Error("cannot write rules", { cause: new Error("exit code 4", { cause: "lock held" }) });
    expect(errorMessage(error)).toBe("cannot write rules: exit code 4: lock held");
    expect(errorMessage(new Error("outer: inner", { cause: new Error("inner") }))).toBe("outer: inner");
    // Its own line breaks do not make it another one.
    expect(errorMessage(new Error("outer: in ner", { cause: new Error("in\n ner\n") }))).toBe("outer: in ner");
  });

  it("tells what went wrong first when the clean-up failed too", () => {
    const error = new SuppressedError(new Error("cannot remove it"), new Error("no such program"));
    expect(errorMessage(error)).toBe("no such program");
  });

  it("tells what an aggregate without a message of its own holds", () => {
    expect(errorMessage(new AggregateError([new Error("::1 refused"), new Error("127.0.0.1 refused")], ""))).toBe(
      "::1 refused; 127.0.0.1 refused",
    );
  });
});

describe("Backoff", () => {
  it("doubles to the cap, adds jitter and starts again after a reset", () => {
    const backoff = new Backoff({ baseMs: 800, capMs: 2_000, jitter: 1 }, () => 0.5);
    expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([1_200, 2_400, 3_000]);
    backoff.reset();
    expect([backoff.failures, backoff.next()]).toEqual([0, 1_200]);
  });
});

describe("cancellation", () => {
  it("sleep rejects with the reason, also when aborted before", async () => {
    const stop = new AbortController();
    const sleeping = sleep(60_000, stop.signal);
    const reason = new Error("stopped");
    stop.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(sleep(0, stop.signal)).rejects.toBe(reason);
    expect(isAbort(reason, stop.signal)).toBe(true);
    expect(isAbort(reason, new AbortController().signal)).toBe(false);
  });

  it("onAbort runs at once when aborted already and never after it was disposed", () => {
    const seen: string[] = [];
    const stop = new AbortController();
    onAbort(stop.signal, () => seen.push("disposed"))[Symbol.dispose]();
    stop.abort();
    onAbort(stop.signal, () => seen.push("late"))[Symbol.dispose]();
    expect(seen).toEqual(["late"]);
  });

  it("untilAbort resolves with the abort, and at once after it", async () => {
    const stop = new AbortController();
    const waiting = untilAbort(stop.signal);
    stop.abort(new Error("stopped"));
    await expect(waiting).resolves.toBeUndefined();
    await expect(untilAbort(stop.signal)).resolves.toBeUndefined();
  });

  it("withTimeout says what took too long", async () => {
    using limit = withTimeout(new AbortController().signal, 0, "list services");
    await expect(sleep(60_000, limit.signal)).rejects.toThrow("list services: no answer within 0 ms");
  });
});

describe("systemClock", () => {
  it("does not fire a timer that was disposed, nor one beyond what a timer can hold", async () => {
    const fired: string[] = [];
    systemClock.schedule(() => fired.push("disposed"), 0)[Symbol.dispose]();
    using _ = systemClock.schedule(() => fired.push("in 50 days"), 50 * 86_400_000);
    await sleep(5, new AbortController().signal);
    expect(fired).toEqual([]);
  });
});
