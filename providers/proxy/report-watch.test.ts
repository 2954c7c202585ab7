import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeClock } from "../../src/base/fake-clock.ts";
import { ReportWatch, type ReportWatchOptions } from "./report-watch.ts";

let root: string;
let reports: string[];
let clock: FakeClock;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "berth-watch-"));
  await mkdir(join(root, "uid-1"));
  reports = [];
  clock = new FakeClock();
});
afterEach(() => rm(root, { recursive: true }));

it("tells a written status", async () => {
  using watch = watchRoot();
  watch.add("uid-1");
  await writeFile(join(root, "uid-1", "status.json"), "{}");
  await vi.waitFor(() => expect(new Set(reports)).toEqual(new Set(["uid-1"])));
});

it("tells once that a balancer has died, and nothing of one that lives or cannot be asked about", async () => {
  await mkdir(join(root, "uid-2"));
  const asked: string[] = [];
  let dead: readonly string[] | Error = [];
  using watch = watchRoot(async (names) => {
    asked.push(names.join());
    if (dead instanceof Error) throw dead;
    return names.filter((name) => !(dead instanceof Error) && dead.includes(name));
  });
  watch.add("uid-1");
  watch.add("uid-2");
  await clock.run(2000);
  dead = new Error("nobody answers");
  await clock.run(2000);
  dead = ["uid-1"];
  await clock.run(4000);
  expect(asked).toEqual(["uid-1,uid-2", "uid-1,uid-2", "uid-1,uid-2", "uid-2"]);
  expect(reports).toEqual(["uid-1"]);
});

function watchRoot(ended: ReportWatchOptions["ended"] = async () => []): ReportWatch {
  return new ReportWatch({ root, clock, ended, onReport: (name) => reports.push(name) });
}
