import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { architectureOf, isElf, neededLibraries, stripped } from "./elf.ts";

const node = readFileSync(process.execPath);

it("tells programs from other files", () => {
  expect([node, Buffer.from("#!/bin/sh\n"), Buffer.alloc(64)].map(isElf)).toEqual([true, false, false]);
  expect(architectureOf(node)).toBe({ x64: "amd64", arm64: "arm64" }[process.arch as string]);
});

it("reads what a program wants as the loader does", () => {
  const { stdout } = spawnSync("/usr/bin/env", ["LD_TRACE_LOADED_OBJECTS=1", process.execPath], { encoding: "utf8" });
  const loaded = [...stdout.matchAll(/^\t(\S+) =>/gm)].map(([, name]) => name);
  const needed = neededLibraries(node);
  expect(needed).toContain("libc.so.6");
  expect(loaded).toEqual(expect.arrayContaining(needed.filter((name) => !name.startsWith("ld-linux"))));
});

it("a stripped program is smaller and runs", () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-elf-"));
  const path = join(directory, "node");
  const short = stripped(node);
  writeFileSync(path, short);
  chmodSync(path, 0o755);
  const { stdout } = spawnSync(path, ["--print", "new Error('x').stack.length > 0 && process.version"], {
    encoding: "utf8",
  });
  rmSync(directory, { recursive: true });
  expect(short.length).toBeLessThan(node.length);
  expect(stdout).toBe(`${process.version}\n`);
});
