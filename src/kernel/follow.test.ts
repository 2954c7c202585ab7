import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, it, vi } from "vitest";
import { findProcess, ProgramMissingError, systemFollow } from "./index.ts";

const follow = systemFollow({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin" });
const forever = new AbortController().signal;

it("hands over each line, and how the program ended", async () => {
  const lines: string[] = [];
  const script = "echo one; printf 'two\\nthree'; echo why >&2; exit 3";
  const end = await follow("sh", ["-c", script], { signal: forever, onLine: (line) => lines.push(line) });
  expect([lines, end]).toEqual([["one", "two", "three"], { code: 3, stderr: "why\n" }]);
});

it("says which program is missing", async () => {
  await expect(follow("berth-no-such-program", [], { signal: forever, onLine: () => {} })).rejects.toThrow(
    ProgramMissingError,
  );
});

it("ends with its signal", async () => {
  const stop = new AbortController();
  let pid = 0;
  const running = follow("sleep", ["1000"], {
    signal: stop.signal,
    onLine: () => {},
    onStart: (started) => {
      pid = started;
      stop.abort();
    },
  });
  await expect(running).rejects.toMatchObject({ name: "AbortError" });
  expect(findProcess(pid)).toBeUndefined();
});

it("leaves no orphan when this process is killed", async () => {
  const script = `
    import { systemFollow } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    const follow = systemFollow({ PATH: process.env.PATH });
    await follow("sh", ["-c", "echo $$; exec sleep 1000"], { signal: new AbortController().signal, onLine: console.log });`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(createInterface({ input: parent.stdout }), "line");
  const pid = Number(line);
  expect(findProcess(pid)).toBeDefined();
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(findProcess(pid)).toBeUndefined(), { timeout: 10_000 });
});
