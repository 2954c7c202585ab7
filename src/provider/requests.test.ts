import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { createMetrics } from "../telemetry/index.ts";
import { NotSentError, ProviderError, RequestBudget, Requests, requestMeters } from "./index.ts";

const { signal } = new AbortController();
const open = (): undefined => undefined;

it("rule 4: a request that gets no answer ends after 10 s, even if it ignores its signal", async () => {
  const clock = new FakeClock();
  const requests = new Requests({ fence: open, clock });
  const signals: AbortSignal[] = [];
  const answer = requests.send("write", "CreateThing", signal, (limit) => {
    signals.push(limit);
    return new Promise(() => {});
  });
  let over = false;
  const ended = answer.catch((error: Error) => {
    over = true;
    return error.message;
  });
  await clock.run(9999);
  expect([over, signals[0]?.aborted]).toEqual([false, false]);
  await clock.run(1);
  expect(await ended).toBe("CreateThing: no answer within 10000 ms");
  expect(signals[0]?.aborted).toBe(true);
  expect(clock.pending).toEqual([]);
});

it("rule 4: a request ends with its caller", async () => {
  const caller = new AbortController();
  const requests = new Requests({ fence: open, clock: new FakeClock() });
  const answer = requests.send("read", "DescribeThing", caller.signal, () => new Promise(() => {}));
  caller.abort(new Error("over"));
  await expect(answer).rejects.toThrow("over");
});

it("rule 5: the fence is asked right before each write, and before nothing else", async () => {
  const clock = new FakeClock();
  let why: string | undefined;
  const requests = new Requests({
    fence: () => why,
    clock,
    budget: new RequestBudget({ write: { perSecond: 2, burst: 1 } }, clock),
  });
  const sent: string[] = [];
  const send = (kind: "read" | "write" | "poll", what: string): Promise<void> =>
    requests.send(kind, what, signal, async () => void sent.push(what));
  await send("write", "first");
  // It says no while the second one waits for its turn.
  const second = send("write", "second");
  why = "the lease is gone";
  const refused = expect(second).rejects.toThrow(new NotSentError("second: not sent: the lease is gone"));
  await clock.run(500);
  await refused;
  await send("read", "third");
  await send("poll", "fourth");
  expect(sent).toEqual(["first", "third", "fourth"]);
});

it("rule 5: a write that looks before it changes anything asks the fence once more; a read has none", async () => {
  let why: string | undefined;
  const requests = new Requests({ fence: () => why, clock: new FakeClock() });
  const done: string[] = [];
  const send = (kind: "read" | "write"): Promise<void> =>
    requests.send(kind, kind, signal, async (_, check) => {
      check();
      why = "the lease is gone";
      await Promise.resolve();
      check();
      done.push(kind);
    });
  await expect(send("write")).rejects.toThrow(new NotSentError("write: not sent: the lease is gone"));
  await send("read");
  expect(done).toEqual(["read"]);
});

it("reads, writes and polls have each a rate of their own", async () => {
  const clock = new FakeClock();
  const rate = { perSecond: 10, burst: 3 };
  const requests = new Requests({ fence: open, clock, budget: new RequestBudget({ write: rate, read: rate }, clock) });
  const sent: string[] = [];
  const send = (kind: "read" | "write" | "poll"): Promise<void> =>
    requests.send(kind, kind, signal, async () => void sent.push(`${kind} ${clock.monotonic()}`));
  const all = (["write", "read"] as const).flatMap((kind) => Array.from({ length: 5 }, () => send(kind)));
  await clock.run(200);
  await Promise.all(all);
  for (let i = 0; i < 9; i++) await send("poll");
  expect(sent.filter((text) => text.startsWith("write"))).toEqual([0, 0, 0, 100, 200].map((at) => `write ${at}`));
  expect(sent.filter((text) => text.startsWith("read"))).toEqual([0, 0, 0, 100, 200].map((at) => `read ${at}`));
  expect(sent.filter((text) => text.startsWith("poll")).length).toBe(9);
});

it("rule 4: a turn that is more than a second away is not slept for, but answered as throttled", async () => {
  const clock = new FakeClock();
  const requests = new Requests({
    fence: open,
    clock,
    budget: new RequestBudget({ write: { perSecond: 0.5, burst: 1 } }, clock),
  });
  await requests.send("write", "a", signal, async () => {});
  const error = await requests.send("write", "b", signal, async () => {}).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ProviderError);
  expect((error as ProviderError).fault).toEqual({
    kind: "throttled",
    scope: "our own rate of writes",
    retryAfterMs: 2000,
  });
  clock.advance(2000);
  await requests.send("write", "c", signal, async () => {});
});

it("a budget is shared by all who send for one provider, and tells how long the next one waits", async () => {
  const clock = new FakeClock();
  const budget = new RequestBudget({ write: { perSecond: 10, burst: 2 } }, clock);
  const [one, other] = [1, 2].map(() => new Requests({ fence: open, clock, budget }));
  await one!.send("write", "a", signal, async () => {});
  await other!.send("write", "b", signal, async () => {});
  expect(Object.fromEntries(budget.state())).toEqual({ write: { perSecond: 10, burst: 2, waitMs: 100 } });
  const sent: number[] = [];
  const third = one!.send("write", "c", signal, async () => void sent.push(clock.monotonic()));
  await clock.run(100);
  await third;
  expect(sent).toEqual([100]);
});

it("each request that was sent is counted by operation and by what became of it", async () => {
  const clock = new FakeClock();
  const metrics = createMetrics();
  let why: string | undefined;
  const meter = requestMeters(metrics)("memory");
  const budget = new RequestBudget({ poll: { perSecond: 0.1, burst: 1 } }, clock);
  const requests = new Requests({ fence: () => why, clock, budget, meter });
  const sent = async (
    kind: "read" | "write" | "poll",
    what: string,
    answer: () => unknown,
    caller = signal,
  ): Promise<void> => {
    await requests.send(kind, what, caller, async () => answer()).catch(() => {});
  };
  await sent("read", "DescribeThing 1", () => clock.advance(200));
  await sent("read", "DescribeThing 2", () => 0);
  await sent("write", "CreateThing", () => Promise.reject(new ProviderError({ kind: "quota", limit: "things" }, "")));
  await sent("write", "CreateThing", () => Promise.reject(new Error("broken")));
  const caller = new AbortController();
  const abort = (): Promise<void> => {
    caller.abort(new Error("over"));
    return new Promise(() => {});
  };
  await sent("write", "CreateThing", abort, caller.signal);
  const late = sent("write", "CreateThing", () => new Promise(() => {}));
  await clock.run(10_000);
  await late;
  // Neither of these is sent: the fence, and our own rate.
  why = "the lease is gone";
  await sent("write", "CreateThing", () => 0);
  await sent("poll", "DescribeThing", () => 0);
  await sent("poll", "DescribeThing", () => 0);
  const text = await metrics.getSingleMetricAsString("lb_provider_api_requests_total");
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  expect(lines.map((line) => line.replace("lb_provider_api_requests_total", ""))).toEqual([
    '{provider="memory",op="DescribeThing",code="ok"} 3',
    '{provider="memory",op="CreateThing",code="quota"} 1',
    '{provider="memory",op="CreateThing",code="error"} 1',
    '{provider="memory",op="CreateThing",code="aborted"} 1',
    '{provider="memory",op="CreateThing",code="timeout"} 1',
  ]);
  expect(await metrics.getSingleMetricAsString("lb_provider_api_request_duration_seconds")).toContain(
    'lb_provider_api_request_duration_seconds_sum{provider="memory",op="CreateThing",code="timeout"} 10',
  );
});

const throttled = new ProviderError({ kind: "throttled", scope: "account", retryAfterMs: 5000 }, "Rate exceeded");

it("a read that is refused takes another turn, five at most, each later; a write none", async () => {
  const clock = new FakeClock();
  const budget = new RequestBudget({ read: { perSecond: 8, burst: 30 }, write: { perSecond: 8, burst: 30 } }, clock);
  const requests = new Requests({ fence: open, clock, budget });
  const sent: string[] = [];
  const send = (kind: "read" | "write", refusals: number): Promise<unknown> => {
    let left = refusals;
    const answer = requests.send(kind, kind, signal, async () => {
      sent.push(`${kind} ${clock.monotonic()}`);
      if (left-- > 0) throw throttled;
    });
    return answer.catch((error: unknown) => error);
  };
  const twice = send("read", 2);
  await clock.run(2000);
  expect(await twice).toBeUndefined();
  // Half as many each second, and nothing saved up; within one second once.
  expect(sent).toEqual(["read 0", "read 250", "read 500"]);
  const always = send("read", 9);
  await clock.run(5000);
  expect(await always).toBe(throttled);
  expect(sent).toHaveLength(8);
  expect(await send("write", 1)).toBe(throttled);
  expect(sent).toHaveLength(9);
});

it("a rate is halved by refusals, down to a quarter, and comes back with answers", async () => {
  const clock = new FakeClock();
  const budget = new RequestBudget({ write: { perSecond: 8, burst: 4 } }, clock);
  const requests = new Requests({ fence: open, clock, budget });
  const rateNow = (): number => budget.state().get("write")?.perSecond ?? 0;
  const send = (fails: boolean): Promise<unknown> =>
    requests
      .send("write", "write", signal, () => (fails ? Promise.reject(throttled) : Promise.resolve()))
      .catch(() => {});
  const rates: number[] = [];
  for (const _ of [1, 2, 3, 4]) {
    await send(true);
    rates.push(rateNow());
    clock.advance(2000);
  }
  expect(rates).toEqual([4, 2, 2, 2]);
  for (let i = 0; i < 20; i++) {
    await send(false);
    clock.advance(2000);
  }
  expect(rateNow()).toBe(8);
});

it("rule 4: while all goes slower a turn may be as many requests away, not as many milliseconds", async () => {
  const clock = new FakeClock();
  const budget = new RequestBudget({ write: { perSecond: 4, burst: 1 } }, clock);
  const requests = new Requests({ fence: open, clock, budget });
  const send = (fails: boolean): Promise<unknown> =>
    requests
      .send("write", "write", signal, () => (fails ? Promise.reject(throttled) : Promise.resolve("sent")))
      .catch((error: unknown) => error);
  await send(true);
  clock.advance(500);
  // Two each second now: of six at once the last is three seconds away.
  const all = Array.from({ length: 6 }, () => send(false));
  await clock.run(4000);
  expect((await Promise.all(all)).map((answer) => answer === "sent")).toEqual([true, true, true, true, true, false]);
});
