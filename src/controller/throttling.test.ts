import { beforeEach, expect, it } from "vitest";
import { ProviderError } from "../provider/index.ts";
import { MemoryProvider, type StepHook } from "../provider/testing/memory-provider.ts";
import { Bench, type Running } from "./testing/bench.ts";

const slowDown = new ProviderError({ kind: "throttled", scope: "account", retryAfterMs: 7000 }, "slow down");

let bench: Bench;
/** Each call of a provider that was let through. */
let asked: string[];

beforeEach(() => {
  bench = new Bench();
  asked = [];
});

class Recorded extends MemoryProvider {
  override async observe(...args: Parameters<MemoryProvider["observe"]>): ReturnType<MemoryProvider["observe"]> {
    asked.push("observe");
    return await super.observe(...args);
  }

  override async apply(...args: Parameters<MemoryProvider["apply"]>): ReturnType<MemoryProvider["apply"]> {
    asked.push(`apply ${args[0].id}`);
    return await super.apply(...args);
  }
}

function start(hook: StepHook): Running {
  return bench.start({ providers: [new Recorded(bench.world, { hook })] });
}

async function retries(running: Running): Promise<string> {
  return await running.metrics.getSingleMetricAsString("workqueue_retries_total");
}

it("A10: workers in the middle of a plan stop at once, and no key counts a failure", async () => {
  const names = ["a", "b", "c", "d"];
  for (const name of names) bench.api.createService(name);
  const gate = Promise.withResolvers<void>();
  const waiting: string[] = [];
  const running = start(async ({ id }, when) => {
    if (when === "after" || !id.endsWith("/address") || waiting.length === names.length) return;
    waiting.push(id);
    await gate.promise;
    if (id === "uid-a/address") throw slowDown;
  });
  await bench.until(() => waiting.length === names.length, "all are in the middle of their first step");
  asked.length = 0;
  gate.resolve();
  await bench.settled();
  // Each one's step at hand ended; nothing was asked after it, by none of them.
  expect(asked).toEqual([]);
  expect(bench.world.mutations.filter((text) => !text.endsWith("/address"))).toEqual([]);
  bench.clock.advance(6999);
  await bench.settled();
  expect(asked).toEqual([]);
  bench.clock.advance(1);
  for (const name of names) await bench.ready(name);
  expect(new Set(bench.world.mutations).size).toBe(12);
  expect(await retries(running)).toContain('{name="service"} 0');
  await running.stop();
});

it("A10: steps of the same plan that do not depend on the throttled one are not sent either", async () => {
  bench.api.createService("web");
  const first = bench.start();
  await bench.ready("web");
  await first.stop();
  const ports = [81, 82].map((port) => ({ name: `p${port}`, port, protocol: "TCP", nodePort: 30_000 + port }));
  bench.api.updateService("web", { spec: { ports } });
  let left = 1;
  const running = start((_, when) => {
    if (when === "before" && left-- > 0) throw slowDown;
  });
  await bench.until(() => bench.condition("web", "programmed") === "False Throttled", "throttled");
  await bench.settled();
  expect(asked).toEqual(["observe", "observe", "apply uid-web/TCP-81"]);
  bench.clock.advance(7000);
  await bench.ready("web");
  expect(bench.condition("web", "programmed")).toBe("True Programmed");
  await running.stop();
});

it("a user's change does not end the pause of a provider", async () => {
  bench.api.createService("web");
  let left = 1;
  const running = start((_, when) => {
    if (when === "before" && left-- > 0) throw slowDown;
  });
  await bench.until(() => bench.condition("web", "programmed") === "False Throttled", "throttled");
  asked.length = 0;
  bench.api.updateService("web", { spec: { ports: [{ port: 81, protocol: "TCP", nodePort: 30_081 }] } });
  await bench.settled();
  expect(asked).toEqual([]);
  bench.clock.advance(7000);
  await bench.ready("web");
  await running.stop();
});

it("another provider goes on meanwhile", async () => {
  bench.api.createService("web", { loadBalancerClass: "berth.dev/a" });
  const a = new MemoryProvider(bench.world, {
    name: "a",
    hook: () => {
      throw slowDown;
    },
  });
  const running = bench.start({ providers: [a, new MemoryProvider(bench.world, { name: "b" })] });
  await bench.until(() => bench.condition("web", "programmed") === "False Throttled", "throttled");
  bench.api.createService("other", { loadBalancerClass: "berth.dev/b" });
  await bench.ready("other");
  await running.stop();
});
