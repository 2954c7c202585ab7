// Two real controllers with provider `proxy`: the one that leads is killed after each step of what there is to do, and the
// other, which has stood by, takes the Lease over when it has expired and ends what was begun.
import { expect, it } from "vitest";
import { CrashBench } from "./cells.ts";

const lease = [
  "--leader-elect-lease-duration=1s",
  "--leader-elect-renew-deadline=800ms",
  "--leader-elect-retry-period=200ms",
];

it("create and delete, with the leader killed after every step, end alike", async () => {
  await using bench = await CrashBench.start({ controllers: 2, args: lease });
  const cells = await bench.createAndDelete();
  process.stdout.write(`take-over: ${JSON.stringify(cells)}\n`);
  for (const [verb, count] of Object.entries(cells)) expect(count, verb).toBeGreaterThan(0);
});
