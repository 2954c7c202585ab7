// The real controller with provider `proxy`, killed after each step of what there is to do, and started again.
import { expect, it } from "vitest";
import { CrashBench } from "./cells.ts";

it("create, update, replace and delete, killed after every step, end alike", async () => {
  // A successor need not wait for the Lease of the one that was killed.
  await using bench = await CrashBench.start({ controllers: 1, args: ["--leader-elect=false"] });
  const cells = { ...(await bench.createAndDelete()), update: 0, replace: 0 };
  await bench.whole(() => bench.create(), { ports: [80] });
  for (let limit = 1; ; limit++) {
    const ports = limit % 2 === 0 ? [80] : [80, 81];
    if (!(await bench.cell(limit, () => bench.setPorts(ports), { ports }))) break;
    cells.update++;
  }
  await bench.whole(() => bench.setPorts([80]), { ports: [80] });
  const first = await bench.address();
  const other = first.replace(/\d+$/, (last) => `${Number(last) + 5}`);
  for (let limit = 1; ; limit++) {
    const address = limit % 2 === 0 ? first : other;
    const annotations = { "berth.dev/load-balancer-ips": address, "berth.dev/allow-replace": "true" };
    if (!(await bench.cell(limit, () => bench.patch({ metadata: { annotations } }), { ports: [80], address }))) break;
    cells.replace++;
  }
  process.stdout.write(`crash matrix: ${JSON.stringify(cells)}\n`);
  for (const [verb, count] of Object.entries(cells)) expect(count, verb).toBeGreaterThan(0);
});
