import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { findProcess, formatProcess, isRunning, parseProcess, signalProcess } from "./process.ts";

it("knows a process by pid and start time until it ends", async () => {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  const id = findProcess(child.pid!)!;
  expect(isRunning(id)).toBe(true);
  expect(isRunning({ ...id, startTime: "1" })).toBe(false);
  expect(signalProcess({ ...id, startTime: "1" }, "SIGKILL")).toBe(false);
  const ended = once(child, "exit");
  expect(signalProcess(id, "SIGKILL")).toBe(true);
  await ended;
  expect(isRunning(id)).toBe(false);
  expect(signalProcess(id, "SIGKILL")).toBe(false);
});

it("survives being written down", () => {
  const id = findProcess(process.pid)!;
  expect(parseProcess(formatProcess(id))).toEqual(id);
});

it.each(["", "12", "0 5", "a b", "12 x", "1 2 3"])("takes %j for no process", (text) => {
  expect(parseProcess(text)).toBeUndefined();
});
