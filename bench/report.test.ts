import { expect, it } from "vitest";
import { type Life, report } from "./report.ts";

/** A life whose cold start keeps a processor busy for half of its time, a tenth of it with writing the rules. */
function life(services: number, contender: string, coldMs: number, changesMs: number[], peakMiB: number): Life {
  return {
    services,
    contender,
    coldMs,
    coldCpuMs: coldMs / 2,
    restoreMs: coldMs / 10,
    changesMs,
    peakBytes: peakMiB * 2 ** 20,
  };
}

it("sets medians beside each other, and the ratio of the first to each other one", () => {
  const lives = [
    life(1000, "ours", 2000, [40, 60], 120),
    life(1000, "theirs", 1000, [200, 100], 60),
    life(100, "ours", 900, [10, 30], 80),
    life(100, "theirs", 1000, [20, 40], 40),
    life(100, "theirs", 3000, [60, 80], 42),
    life(100, "ours", 700, [20, 90], 84),
    life(100, "ours", 800, [50, 40], 100),
    life(100, "theirs", 2000, [90, 10], 41),
  ];
  expect(report(lives).split("\n")).toEqual([
    "| Services | measure         | samples |    ours |  theirs | ratio to theirs |",
    "| -------: | --------------- | ------: | ------: | ------: | --------------: |",
    "|      100 | cold start      |       3 |  800 ms | 2000 ms |            0.40 |",
    "|      100 | its CPU time    |       3 |  400 ms | 1000 ms |            0.40 |",
    "|      100 | its rules alone |       3 |   80 ms |  200 ms |            0.40 |",
    "|      100 | change, p50     |       6 |   30 ms |   40 ms |            0.75 |",
    "|      100 | change, p99     |       6 |   90 ms |   90 ms |            1.00 |",
    "|      100 | peak RSS        |       3 |  84 MiB |  41 MiB |            2.05 |",
    "|     1000 | cold start      |       1 | 2000 ms | 1000 ms |            2.00 |",
    "|     1000 | its CPU time    |       1 | 1000 ms |  500 ms |            2.00 |",
    "|     1000 | its rules alone |       1 |  200 ms |  100 ms |            2.00 |",
    "|     1000 | change, p50     |       2 |   40 ms |  100 ms |            0.40 |",
    "|     1000 | change, p99     |       2 |   60 ms |  200 ms |            0.30 |",
    "|     1000 | peak RSS        |       1 | 120 MiB |  60 MiB |            2.00 |",
  ]);
});
