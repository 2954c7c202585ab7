import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeClock } from "../../src/base/fake-clock.ts";
import { findProcess, formatProcess } from "../../src/kernel/index.ts";
import { ReportWatch } from "./report-watch.ts";

let root: string;
let reports: string[];
const clock = new FakeClock();

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "berth-watch-"));
  await mkdir(join(root, "uid-1"));
  reports = [];
});
afterEach(() => rm(root, { recursive: true }));

it("tells a written status", async () => {
  using watch = new ReportWatch(root, clock, (name) => reports.push(name));
  watch.add("uid-1");
  await writeFile(join(root, "uid-1", "status.json"), "{}");
  await vi.waitFor(() => expect(new Set(reports)).toEqual(new Set(["uid-1"])));
});

it("tells once that a balancer has died, and nothing of one that lives or has not started", async () => {
  await mkdir(join(root, "uid-2"));
  const child = spawn("sleep", ["60"]);
  await writeFile(join(root, "uid-1", "pid"), formatProcess(findProcess(child.pid ?? 0) ?? { pid: 1, startTime: "" }));
  using watch = new ReportWatch(root, clock, (name) => reports.push(name));
  watch.add("uid-1");
  watch.add("uid-2");
  clock.advance(2000);
  child.kill("SIGKILL");
  await once(child, "exit");
  clock.advance(2000);
  await vi.waitFor(() => expect(reports).toEqual(["uid-1"]));
  clock.advance(2000);
  expect(clock.pending).toEqual([2000]);
  expect(reports).toEqual(["uid-1"]);
});
