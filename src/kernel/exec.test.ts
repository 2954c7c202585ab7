import { expect, it } from "vitest";
import { execOk, ProgramFailedError, ProgramKilledError, ProgramMissingError, systemExec } from "./index.ts";

const exec = systemExec({ PATH: "/usr/bin:/bin", GREETING: "hello" });
const { signal } = new AbortController();

it("hands over input, arguments and environment, and returns the exit code", async () => {
  const result = await exec.run("sh", ["-c", 'cat; echo "$GREETING $1" >&2; exit 3', "sh", "a b"], {
    signal,
    stdin: "in",
  });
  expect(result).toEqual({ code: 3, stdout: "in", stderr: "hello a b\n" });
});

it("names the Debian package of a program that is missing", async () => {
  const empty = systemExec({ PATH: "/nonexistent" });
  await expect(empty.run("nft", [], { signal })).rejects.toThrow(new ProgramMissingError("nft", undefined).message);
  expect(new ProgramMissingError("nft", undefined).message).toContain("on Debian: nftables");
});

it("execOk throws with command, code and what the program said", async () => {
  const failing = execOk(exec, "sh", ["-c", "echo no such chain >&2; exit 2"], { signal });
  await expect(failing).rejects.toThrow(ProgramFailedError);
  await expect(failing).rejects.toThrow(/exit code 2: no such chain$/);
});

it("survives a program that does not read its input", async () => {
  const result = await exec.run("true", [], { signal, stdin: "x".repeat(1 << 20) });
  expect(result.code).toBe(0);
});

it("hands over input piece by piece, no faster than the program reads it", async () => {
  let asked = 0;
  function* pieces(): Generator<string> {
    for (; asked < 1000; asked++) yield "x".repeat(65_536);
  }
  const unread = await exec.run("true", [], { signal, stdin: pieces() });
  expect(unread.code).toBe(0);
  expect(asked).toBeLessThan(1000);
  const all = await exec.run("wc", ["-c"], { signal, stdin: ["a", "b".repeat(200_000), "", "c"] });
  expect(all.stdout.trim()).toBe("200002");
});

it("fails when the input does", async () => {
  function* broken(): Generator<string> {
    yield "a";
    throw new Error("no more");
  }
  await expect(exec.run("cat", [], { signal, stdin: broken() })).rejects.toThrow("no more");
});

it("keeps the beginning of what a program complains of without end", async () => {
  const result = await exec.run("sh", ["-c", "echo first >&2; head -c 5000000 /dev/zero >&2"], { signal });
  expect(result.stderr).toMatch(/^first/);
  expect(result.stderr.length).toBeLessThan(1_200_000);
});

it("tells a program that was killed from one that failed", async () => {
  await expect(exec.run("sh", ["-c", "kill -9 $$"], { signal })).rejects.toThrow(ProgramKilledError);
});

it("kills the program when aborted or out of time", async () => {
  const stop = new AbortController();
  const running = exec.run("sleep", ["60"], { signal: stop.signal });
  const reason = new Error("stopped");
  stop.abort(reason);
  await expect(running).rejects.toBe(reason);
  await expect(exec.run("sleep", ["60"], { signal, timeoutMs: 1 })).rejects.toThrow("sleep 60: killed by SIGKILL");
});
