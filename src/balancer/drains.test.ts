import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import type { UdpFlow } from "../kernel/index.ts";
import { Drains } from "./drains.ts";

function flow(sourcePort: number, replySource = "10.1.0.1"): UdpFlow {
  const to = { destination: "10.0.0.5", destinationPort: 80 };
  return { source: "10.9.9.9", sourcePort, ...to, replySource, replySourcePort: 30_080 };
}

const path = "[10.0.0.5]:80 to [10.1.0.1]:30080";

it("gives each path its time, and all of its flows no longer", async () => {
  const clock = new FakeClock();
  const drains = new Drains([], clock);
  expect(drains.look([flow(1), flow(2)], 1000)).toEqual([]);
  expect(drains.nextMs(1000)).toBe(1000);
  await clock.run(600);
  expect(drains.look([flow(1), flow(2), flow(3, "10.1.0.2")], 1000)).toEqual([]);
  expect(drains.nextMs(1000)).toBe(400);
  await clock.run(400);
  expect(drains.look([flow(1), flow(2), flow(3, "10.1.0.2")], 1000)).toEqual([flow(1), flow(2)]);
  expect(drains.nextMs(1000)).toBe(600);
});

it("begins anew with a path that was wanted meanwhile, or empty", async () => {
  const clock = new FakeClock();
  const drains = new Drains([], clock);
  drains.look([flow(1)], 1000);
  await clock.run(900);
  drains.look([], 1000);
  expect(drains.nextMs(1000)).toBeUndefined();
  expect(drains.look([flow(1)], 1000)).toEqual([]);
  expect(drains.nextMs(1000)).toBe(1000);
});

it("goes on where an earlier process was", async () => {
  const clock = new FakeClock();
  const before = new Drains([], clock);
  before.look([flow(1)], 1000);
  const report = before.report();
  expect(report).toEqual([{ path, since: new Date(clock.now()).toISOString() }]);
  await clock.run(700);
  const drains = new Drains(report, clock);
  drains.look([flow(1)], 1000);
  expect(drains.nextMs(1000)).toBe(300);
  expect(drains.report()).toEqual(report);
});

it.each([
  ["a clock that was set back", new Date(3_000_000_000_000).toISOString()],
  ["no time at all", "yesterday"],
])("gives the whole time after %s", (_, since) => {
  const drains = new Drains([{ path, since }], new FakeClock());
  drains.look([flow(1)], 1000);
  expect(drains.nextMs(1000)).toBe(1000);
});

it("follows a change of the time, and cuts at once without any", () => {
  const drains = new Drains([], new FakeClock());
  drains.look([flow(1)], 1000);
  expect(drains.nextMs(5000)).toBe(5000);
  expect(drains.look([flow(1)], 0)).toEqual([flow(1)]);
});
