import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { createLogger, type LogFormat, type LogLevel } from "./index.ts";

function lines(level: LogLevel, format: LogFormat, write: (log: ReturnType<typeof createLogger>) => void): string[] {
  const stream = new PassThrough();
  write(createLogger({ level, format, stream }));
  return String(stream.read() ?? "")
    .split("\n")
    .filter((line) => line !== "");
}

it("keeps name, message, stack and causes of an error", () => {
  const [line = "{}"] = lines("info", "json", (log) =>
    log.error("write failed", { service: "a/b", err: new TypeError("outer", { cause: new Error("inner") }) }),
  );
  expect(JSON.parse(line)).toMatchObject({
    level: "error",
    message: "write failed",
    service: "a/b",
    err: { name: "TypeError", message: "outer", stack: expect.any(String), cause: { message: "inner" } },
  });
});

it("writes nothing below its level and says so", () => {
  expect(
    lines("warn", "json", (log) => {
      expect([log.enabled("info"), log.enabled("warn")]).toEqual([false, true]);
      log.info("hidden");
      log.debug("hidden");
    }),
  ).toEqual([]);
});

it("binds fields and lets a call override them", () => {
  const [line = ""] = lines("info", "text", (log) =>
    log.with({ node: "n1", count: 1 }).info("synced", { count: 2, why: "a b" }),
  );
  expect(line).toMatch(/^\S+Z info  synced node=n1 count=2 why="a b"$/);
});
