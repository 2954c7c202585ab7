import { inspect } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import type { ProviderAdapter } from "../provider/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench, type Running } from "./testing/bench.ts";

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
  for (const name of ["bad", "good"]) bench.api.createService(name);
});

/** A provider of which one method does something else for the Service `bad`, as long as `broken.is`. */
function providerWith(
  method: "validate" | "scopes" | "plan" | "status" | "observe" | "apply",
  instead: () => unknown,
  broken: { is: boolean },
  Provider: typeof MemoryProvider = MemoryProvider,
): ProviderAdapter {
  const provider = new Provider(bench.world);
  const own = (provider[method] as (...args: unknown[]) => unknown).bind(provider);
  Object.defineProperty(provider, method, {
    value: (...args: unknown[]) => (broken.is && inspect(args[0]).includes("uid-bad") ? instead() : own(...args)),
  });
  return provider;
}

/** Whatever it began it goes on with. */
class Deaf extends MemoryProvider {
  override apply(...[step, outputs]: Parameters<MemoryProvider["apply"]>): ReturnType<MemoryProvider["apply"]> {
    return super.apply(step, outputs, new AbortController().signal);
  }
}

async function counted(running: Running, name: string): Promise<number> {
  const text = await running.metrics.getSingleMetricAsString(`controller_runtime_reconcile_${name}_total`);
  return Number(/controller="service"\} (\d+)/.exec(text)?.[1]);
}

const thrown: readonly [string, unknown][] = [
  ["an error", new TypeError("x is not a function")],
  ["a text", "no luck"],
  ["undefined", undefined],
  ["null", null],
  ["an object", { code: 7 }],
];
const pure = ["validate", "scopes", "plan", "status"] as const;

describe("panic recovered: an adapter that throws harms that key alone", () => {
  it.each(pure.flatMap((method) => thrown.map(([what, value]) => ({ method, what, value }))))(
    "$what in $method",
    async ({ method, value }) => {
      const broken = { is: true };
      const provider = providerWith(
        method,
        () => {
          throw value;
        },
        broken,
      );
      const running = bench.start({ providers: [provider] });
      await bench.ready("good");
      await bench.until(() => bench.condition("bad", "programmed").startsWith("False"), "it shows");
      expect(bench.message("bad", "programmed")).toContain(`provider memory failed in ${method}: `);
      expect(await counted(running, "panics")).toBe(1);
      broken.is = false;
      bench.clock.advance(1000);
      await bench.ready("bad");
      expect(bench.condition("bad", "programmed")).toBe("True Programmed");
      await running.stop();
    },
  );

  it.each(
    (["observe", "apply"] as const).flatMap((method) => thrown.map(([what, value]) => ({ method, what, value }))),
  )("$what in $method", async ({ method, value }) => {
    const broken = { is: true };
    const throwing = (): never => {
      throw value;
    };
    const running = bench.start({ providers: [providerWith(method, throwing, broken)] });
    await bench.ready("good");
    // Errors of what speaks to the world are nobody's mistake.
    const reason = value instanceof Error ? "SyncFailed" : "ProviderFailed";
    await bench.until(() => bench.condition("bad", "programmed") === `False ${reason}`, "it shows");
    await bench.settled();
    expect(bench.eventReasons().filter((text) => text.startsWith("Warning"))).toEqual([
      "Warning SyncLoadBalancerFailed",
    ]);
    expect(await counted(running, "panics")).toBe(value instanceof Error ? 0 : 1);
    broken.is = false;
    bench.clock.advance(1000);
    await bench.ready("bad");
    await running.stop();
  });
});

it.each(["observe", "apply"] as const)(
  "timeout counted: a reconcile whose %s hangs and ignores its signal gives its worker back after ten minutes, and is counted",
  async (method) => {
    const broken = { is: true };
    const late = Promise.withResolvers<unknown>();
    const running = bench.start({ providers: [providerWith(method, () => late.promise, broken, Deaf)] });
    await bench.ready("good");
    broken.is = false;
    bench.clock.advance(599_999);
    await bench.settled();
    expect([await counted(running, "timeouts"), bench.condition("bad", "ready")]).toEqual([0, ""]);
    bench.clock.advance(1);
    await bench.settled();
    expect(await counted(running, "timeouts")).toBe(1);
    bench.clock.advance(1000);
    await bench.ready("bad");
    // What was left behind goes on to write nothing.
    const before = bench.world.mutations.length;
    bench.world.objects.delete("uid-bad/targets");
    late.resolve(method === "apply" ? { state: "done" } : new Map());
    await bench.settled();
    expect(bench.world.mutations.length).toBe(before);
    await running.stop();
  },
);

it("timeout counted only for own deadline: neither a provider's time-out nor the end of the controller is one", async () => {
  const broken = { is: true };
  const own = async (): Promise<never> => {
    throw new DOMException("no answer within 10 s", "TimeoutError");
  };
  const running = bench.start({ providers: [providerWith("observe", own, broken)] });
  await bench.until(() => bench.condition("bad", "programmed") === "False SyncFailed", "it is a failure");
  expect(await counted(running, "timeouts")).toBe(0);
  await running.stop();
  const late = Promise.withResolvers<never>();
  const hanging = bench.start({ providers: [providerWith("observe", () => late.promise, broken)] });
  await bench.settled();
  const stopped = hanging.stop();
  await bench.settled();
  bench.clock.advance(600_000);
  late.reject(new Error("cancelled at last"));
  await stopped;
  expect(await counted(hanging, "timeouts")).toBe(0);
});
