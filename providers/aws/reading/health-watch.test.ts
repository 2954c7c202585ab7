// Which of many target groups are looked at, when there are more than can be in the time.
import { expect, it } from "vitest";
import { FakeClock } from "../../../src/base/fake-clock.ts";
import type { ObservedTarget } from "../observation.ts";
import { HealthWatch } from "./health-watch.ts";

const id = { clusterId: "c", namespace: "default", name: "web", uid: "u" };

function target(state: ObservedTarget["state"]): ObservedTarget {
  return { id: "i-1", port: 30_080, state, reason: "" };
}

it("of many load balancers those that somebody waits for are looked at soon, and the others in turns all the same", async () => {
  const clock = new FakeClock();
  const read: string[] = [];
  const watch = new HealthWatch(async (arn) => {
    read.push(arn);
    return [target(arn.startsWith("new") ? "initial" : "healthy")];
  }, clock);
  for (let i = 0; i < 500; i++) watch.note(id, `old-${i}`, [target("healthy")]);
  using _ = watch.watch(() => {});
  await clock.run(60_000);
  for (let i = 0; i < 20; i++) watch.note(id, `new-${i}`, [target("initial")]);
  const before = read.length;
  await clock.run(30_000);
  const seen = read.slice(before);
  // Two a second are looked at in all.
  expect(seen).toHaveLength(60);
  expect(new Set(seen.filter((arn) => arn.startsWith("new"))).size).toBe(20);
  expect(seen.filter((arn) => arn.startsWith("old")).length).toBeGreaterThanOrEqual(30);
});
