import { expect, it } from "vitest";
import { parseCpuMs, parsePeakBytes, parseResidentBytes } from "./proc.ts";

it("adds up user and system time of a process and its children", () => {
  const stat = "77 (a (b) c) S 1 77 77 0 -1 4194560 100 0 0 0 61 14 2 5 20 0 11 0 8123 1 2 3\n";
  expect(parseCpuMs(stat)).toBe(820);
});

it("finds the memory that a process holds, and the most that it held", () => {
  const status = "Name:\tnode\nVmPeak:\t 900 kB\nVmHWM:\t     512 kB\nVmRSS:\t 256 kB\n";
  expect(parsePeakBytes(status)).toBe(524_288);
  expect(parseResidentBytes(status)).toBe(262_144);
  expect(() => parsePeakBytes("Name:\tnode\nState:\tZ (zombie)\n")).toThrow("the process has ended");
});
