import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findProcess, formatProcess } from "../../src/kernel/index.ts";
import { claimRun, deadRuns } from "./registry.ts";

let root = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "berth-registry-"));
});
afterEach(() => rm(root, { recursive: true }));

async function record(name: string, owner: string | undefined): Promise<string> {
  const dir = join(root, name);
  await mkdir(dir);
  if (owner !== undefined) await writeFile(join(dir, "owner"), owner);
  return dir;
}

/** The identity of a process that is no more. */
async function ended(): Promise<string> {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const id = findProcess(child.pid ?? 0);
  child.kill();
  await once(child, "exit");
  return formatProcess(id!);
}

it("records a run under the process that made it", async () => {
  const run = await claimRun(() => 0.5, root);
  expect(run).toEqual({ id: "800000", dir: join(root, "800000") });
  expect(await readFile(join(run.dir, "owner"), "utf8")).toBe(formatProcess(findProcess(process.pid)!));
  expect(await readdir(root)).toEqual(["800000"]);
  expect(await deadRuns(root)).toEqual([]);
});

it("takes no id that a run has already", async () => {
  const numbers = [0, 0, 1 / 0x100_0000];
  const random = (): number => numbers.shift() ?? 0.9;
  expect((await claimRun(random, root)).id).toBe("000000");
  expect((await claimRun(random, root)).id).toBe("000001");
});

it("finds the runs whose process has ended, also when another process has its number now", async () => {
  const gone = await record("00000a", await ended());
  const reused = await record("00000b", `${process.pid} 1\n`);
  await record("00000c", formatProcess(findProcess(process.pid)!));
  expect(await deadRuns(root)).toEqual([
    { id: "00000a", dir: gone },
    { id: "00000b", dir: reused },
  ]);
});

it("leaves alone what is no record, and what another sweep is just removing", async () => {
  await record("notes", await ended());
  await record("00000a", undefined);
  expect(await deadRuns(root)).toEqual([]);
  expect(await readdir(root)).toHaveLength(2);
});

it("forgets a claim that nobody will finish", async () => {
  const [pid, startTime] = (await ended()).trim().split(" ");
  await record(`.claim-${pid}-${startTime}`, "");
  const { pid: alive, startTime: since } = findProcess(process.pid)!;
  await record(`.claim-${alive}-${since}`, "");
  expect(await deadRuns(root)).toEqual([]);
  expect(await readdir(root)).toEqual([`.claim-${alive}-${since}`]);
});

it("names the file that it cannot read", async () => {
  const dir = await record("00000a", "what");
  await expect(deadRuns(root)).rejects.toThrow(`${dir}/owner names no process; remove ${dir} by hand`);
});

it("has no dead runs on a machine that never had any", async () => {
  expect(await deadRuns(join(root, "nothing"))).toEqual([]);
});
