import { expect, it } from "vitest";
import { Child } from "./child.ts";

function shell(script: string, stdin = ""): Child {
  return new Child("/bin/sh", ["-c", script], { stdin, environment: { WORD: "given" } });
}

it("gives input and environment, keeps output and exit code", async () => {
  await using child = shell('read line; echo "$line $WORD"; echo problem >&2; exit 3', "typed\n");
  expect(await child.end()).toBe(3);
  expect([child.stdout, child.stderr, child.running]).toEqual(["typed given\n", "problem\n", false]);
});

it("tells whether something happens before the end", async () => {
  await using child = shell("echo ready; sleep 600");
  expect(await child.happens(({ stdout }) => stdout.includes("ready"))).toBe(true);
  await using ended = shell("echo other");
  expect(await ended.happens(({ stdout }) => stdout.includes("ready"))).toBe(false);
  await expect(ended.ready(({ stdout }) => stdout.includes("ready"))).rejects.toThrow(
    "sh did not become ready; it printed:\nother",
  );
});

it("ends what does not end in time, and what is left when it is disposed", async () => {
  await using late = shell("exec sleep 600");
  expect(await late.end(1)).toBe(null);
  const left = shell("exec sleep 600");
  await left[Symbol.asyncDispose]();
  expect(left.running).toBe(false);
});

it("says which program is missing", async () => {
  await using child = new Child("/nowhere/program", []);
  expect(await child.end()).not.toBe(0);
  expect(child.stderr).toContain("/nowhere/program");
});
