import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { findProcess } from "../../src/kernel/index.ts";
import { lastLines, Program, ProgramEndedError, type ProgramOptions, untilReady } from "./program.ts";
import { environment } from "./testing.ts";

const { signal } = new AbortController();
let dir = "";
let crashes: string[] = [];
let programs: Program[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "berth-program-"));
  crashes = [];
  programs = [];
});
afterEach(async () => {
  await Promise.all(programs.map((program) => program.kill()));
  await rm(dir, { recursive: true });
});

function shell(script: string, rest: Partial<ProgramOptions> = {}): Program {
  const program = new Program({
    name: "shell",
    command: ["sh", "-c", script],
    environment,
    logPath: join(dir, "log"),
    onCrash: ({ name }) => crashes.push(name),
    ...rest,
  });
  programs.push(program);
  return program;
}

it("ends when asked to, starts again, and appends to its log", async () => {
  const program = shell("echo hello; exec sleep 60");
  await program.start();
  const first = program.pid;
  await vi.waitFor(async () => expect(await readFile(program.logPath, "utf8")).toBe("hello\n"));
  await program.stop();
  expect([program.pid, findProcess(first ?? 0)]).toEqual([undefined, undefined]);
  await program.start();
  expect(program.pid).not.toBe(first);
  await vi.waitFor(async () => expect(await readFile(program.logPath, "utf8")).toBe("hello\nhello\n"));
  await program.kill();
  expect(crashes).toEqual([]);
});

it("says when it ends by itself", async () => {
  const program = shell("echo one; echo two; echo three; echo four >&2; exit 3");
  await program.start();
  await program.exited;
  expect(crashes).toEqual(["shell"]);
  expect(await lastLines(program.logPath)).toBe("two | three | four");
});

it("is waited for until it is ready, and no longer than it runs", async () => {
  const program = shell("exec sleep 60");
  await program.start();
  let asked = 0;
  await untilReady(program, async () => ++asked === 3, signal);
  const never = untilReady(program, async () => false, signal);
  program.signal("SIGKILL");
  await expect(never).rejects.toBeInstanceOf(ProgramEndedError);
});

it("names the program that is missing and what to install", async () => {
  const program = shell("true", { environment: { PATH: "/nowhere" } });
  await expect(program.start()).rejects.toThrow("program setpriv not found; install it (on Debian: util-linux)");
  expect(program.pid).toBeUndefined();
  await program.stop();
});
