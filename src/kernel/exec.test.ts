import { expect, it } from "vitest";
import { execOk, ProgramFailedError, ProgramMissingError, systemExec } from "./index.ts";

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

it("kills the program when aborted or out of time", async () => {
  const stop = new AbortController();
  const running = exec.run("sleep", ["60"], { signal: stop.signal });
  const reason = new Error("stopped");
  stop.abort(reason);
  await expect(running).rejects.toBe(reason);
  await expect(exec.run("sleep", ["60"], { signal, timeoutMs: 1 })).rejects.toThrow("sleep 60: killed by SIGKILL");
});
