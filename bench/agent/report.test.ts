import { expect, it } from "vitest";
import type { Case } from "./flags.ts";
import { type Entry, report } from "./report.ts";

const few: Case = { services: 100, backend: "nft" };
const many: Case = { services: 1000, backend: "legacy" };

/** A life whose cold start keeps a processor busy for half of its time, a tenth of it with writing the rules. */
function entry(where: Case, contender: string, coldMs: number, changesMs: number[], mib: number): Entry {
  const watched = { cpuShare: coldMs / 100_000, residentBytes: mib * 2 ** 20 };
  const life = { coldMs, coldCpuMs: coldMs / 2, restoreMs: coldMs / 10, changesMs, bytes: 10 * mib };
  return { contender, case: where, life: { ...life, rest: watched, load: watched } };
}

it("sets medians beside each other, and the ratio of the first to each other one", () => {
  const entries = [
    entry(few, "ours", 900, [10, 30], 80),
    entry(few, "theirs", 1000, [20, 40], 40),
    entry(few, "theirs", 3000, [60, 80], 42),
    entry(few, "ours", 700, [20, 90], 84),
    entry(few, "ours", 800, [50, 40], 100),
    entry(few, "theirs", 2000, [90, 10], 41),
    entry(many, "ours", 2000, [40, 60], 120),
    entry(many, "theirs", 1000, [200, 100], 60),
  ];
  expect(report(entries).split("\n").slice(0, 14)).toEqual([
    "|    Services | measure           | samples |    ours |  theirs | ratio to theirs |",
    "| ----------: | ----------------- | ------: | ------: | ------: | --------------: |",
    "|     100 nft | cold start        |       3 |  800 ms | 2000 ms |            0.40 |",
    "|     100 nft | its CPU time      |       3 |  400 ms | 1000 ms |            0.40 |",
    "|     100 nft | its rules alone   |       3 |   80 ms |  200 ms |            0.40 |",
    "|     100 nft | change, p50       |       6 |   30 ms |   40 ms |            0.75 |",
    "|     100 nft | change, p99       |       6 |   90 ms |   90 ms |            1.00 |",
    "|     100 nft | bytes of a change |       3 |   840 B |   410 B |            2.05 |",
    "|     100 nft | CPU at rest       |       3 |   0.8 % |   2.0 % |            0.40 |",
    "|     100 nft | RSS at rest       |       3 |  84 MiB |  41 MiB |            2.05 |",
    "|     100 nft | CPU, 10 changes/s |       3 |   0.8 % |   2.0 % |            0.40 |",
    "|     100 nft | RSS, 10 changes/s |       3 |  84 MiB |  41 MiB |            2.05 |",
    "| 1000 legacy | cold start        |       1 | 2000 ms | 1000 ms |            2.00 |",
    "| 1000 legacy | its CPU time      |       1 | 1000 ms |  500 ms |            2.00 |",
  ]);
});
