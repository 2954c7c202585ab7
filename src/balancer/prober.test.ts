import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import type { BalancerConfig, TargetStatus } from "./config.ts";
import { Prober } from "./prober.ts";

const config: BalancerConfig = {
  addresses: ["fd00::5", "10.0.0.5"],
  ports: [{ protocol: "TCP", port: 80, nodePort: 30_080 }],
  targets: [
    { name: "a", addresses: ["10.1.0.1", "fd00::11"] },
    { name: "b", addresses: ["10.1.0.2"] },
    { name: "none", addresses: [] },
  ],
  healthCheck: { port: 1, path: "/", intervalMs: 2000, timeoutMs: 3000, unhealthyAfter: 2, healthyAfter: 1 },
  sourceRanges: [],
  sessionAffinity: { kind: "None" },
  drainSeconds: 300,
};

function setUp(known: readonly TargetStatus[] = []) {
  const clock = new FakeClock();
  const down = new Set<string>();
  const asked: string[] = [];
  const changes: string[] = [];
  const prober = new Prober({
    clock,
    probe: async (address, { port }) => {
      asked.push(`${address}:${port} at ${clock.monotonic()}`);
      return down.has(address) ? { ok: false, reason: "down" } : { ok: true };
    },
    onChange: (target, { healthy }) => changes.push(`${target} ${healthy ? "up" : "down"} at ${clock.monotonic()}`),
  });
  return { clock, down, asked, changes, prober, start: () => prober.update(config, known) };
}

it("asks at once, by an address of a family that clients use, and then at each interval", async () => {
  const { clock, asked, changes, prober, start } = setUp();
  start();
  expect(prober.settled).toBe(false);
  await clock.run(2000);
  expect(prober.settled).toBe(true);
  expect(changes).toEqual(["none down at 0", "a up at 0", "b up at 0"]);
  expect(asked).toEqual(["fd00::11:1 at 0", "10.1.0.2:1 at 0", "fd00::11:1 at 2000", "10.1.0.2:1 at 2000"]);
});

it("asks a target that was never healthy again soon", async () => {
  const { clock, down, asked, changes, start } = setUp();
  down.add("10.1.0.2");
  start();
  await clock.run(1000);
  down.clear();
  await clock.run(5000);
  expect(asked.filter((line) => line.startsWith("10.1.0.2")).map((line) => line.split(" at ")[1])).toEqual([
    "0",
    "100",
    "300",
    "700",
    "1500",
    "3500",
    "5500",
  ]);
  expect(changes).toContain("b up at 1500");
});

it("takes a target out after two failures and stops asking one that is gone", async () => {
  const { clock, down, asked, changes, prober, start } = setUp();
  start();
  await clock.run(1999);
  down.add("fd00::11");
  await clock.run(2001);
  expect(changes.at(-1)).toBe("a down at 4000");
  prober.update({ ...config, targets: [] });
  asked.length = 0;
  await clock.run(10_000);
  expect(asked).toEqual([]);
});

it("begins with what the process before it knew", async () => {
  const { clock, down, changes, prober, start } = setUp([
    { name: "a", healthy: true, reason: "answers" },
    { name: "b", healthy: false, reason: "HTTP 503" },
  ]);
  down.add("fd00::11");
  start();
  expect(prober.health("a").healthy).toBe(true);
  await clock.run(0);
  expect([prober.health("a").healthy, prober.health("b").healthy]).toEqual([true, true]);
  await clock.run(2000);
  expect(changes).toContain("a down at 2000");
});

it("keeps a state until the first answer to a new question, which then counts at once", async () => {
  const { clock, down, asked, prober, start } = setUp();
  start();
  await clock.run(100);
  down.add("fd00::11");
  prober.update({ ...config, healthCheck: { ...config.healthCheck, port: 2 } });
  expect(prober.health("a").healthy).toBe(true);
  await clock.run(0);
  expect(prober.health("a").healthy).toBe(false);
  expect(asked.slice(-2)).toEqual(["fd00::11:2 at 100", "10.1.0.2:2 at 100"]);
});
