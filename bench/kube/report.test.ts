import { expect, it } from "vitest";
import type { Life } from "./life.ts";
import { report } from "./report.ts";

const mebibyte = 2 ** 20;

function life(contender: string, syncMs: number, more: Partial<Life> = {}): Life {
  return {
    contender,
    startMs: 100,
    syncMs,
    syncCpuMs: syncMs / 2,
    idleBytes: 50 * mebibyte,
    syncPeakBytes: 110 * mebibyte,
    heldBytes: 80 * mebibyte,
    syncBlocks: undefined,
    changesMs: 500,
    changesCpuMs: 50,
    changes: 100,
    lagsMs: [1, 2, 3],
    changesBlocks: undefined,
    relist: undefined,
    ...more,
  };
}

it("sets medians and worst cases beside each other, and leaves out what a contender does not have", () => {
  const relist = { updates: 0, cpuMs: 40, peakBytes: 60 * mebibyte, blocks: { wallMs: 9, cpuMs: 8 } };
  const blocks = (wallMs: number): Partial<Life> => ({ syncBlocks: { wallMs, cpuMs: wallMs / 2 }, relist });
  const lives = [
    life("ours", 1000, blocks(10)),
    life("ours", 3000, blocks(30)),
    life("ours", 2000, blocks(20)),
    life("theirs", 4000, { relist: { ...relist, updates: 7, blocks: undefined } }),
  ];
  expect(report(lives).split("\n")).toEqual([
    "| measure                     | samples |    ours |  theirs | ratio to theirs |",
    "| --------------------------- | ------: | ------: | ------: | --------------: |",
    "| start of the process        |       3 |  100 ms |  100 ms |            1.00 |",
    "| sync                        |       3 | 2000 ms | 4000 ms |            0.50 |",
    "| start and sync              |       3 | 2100 ms | 4100 ms |            0.51 |",
    "| sync, CPU time              |       3 | 1000 ms | 2000 ms |            0.50 |",
    "| idle RSS                    |       3 |  50 MiB |  50 MiB |            1.00 |",
    "| sync, peak RSS over idle    |       3 |  60 MiB |  60 MiB |            1.00 |",
    "| held after it over idle     |       3 |  30 MiB |  30 MiB |            1.00 |",
    "| sync, longest block         |       3 | 30.0 ms |       - |               - |",
    "| sync, longest block, CPU    |       3 | 15.0 ms |       - |               - |",
    "| changes, per second         |       3 |     200 |     200 |            1.00 |",
    "| changes, CPU time of 1000   |       3 |  500 ms |  500 ms |            1.00 |",
    "| change to handler, p50      |       9 |  2.0 ms |  2.0 ms |            1.00 |",
    "| change to handler, p99      |       9 |  3.0 ms |  3.0 ms |            1.00 |",
    "| changes, longest block      |       0 |       - |       - |               - |",
    "| changes, longest block, CPU |       0 |       - |       - |               - |",
    "| relist, updates of the same |       3 |       0 |       7 |            0.00 |",
    "| relist, CPU time            |       3 |   40 ms |   40 ms |            1.00 |",
    "| relist, peak RSS over idle  |       3 |  10 MiB |  10 MiB |            1.00 |",
    "| relist, longest block       |       3 |  9.0 ms |       - |               - |",
    "| relist, longest block, CPU  |       3 |  8.0 ms |       - |               - |",
  ]);
});
