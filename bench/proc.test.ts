import { expect, it } from "vitest";
import { parseCpuMs, parsePeakBytes } from "./proc.ts";

it("adds up user and system time of a process and its children", () => {
  const stat = "77 (a (b) c) S 1 77 77 0 -1 4194560 100 0 0 0 61 14 2 5 20 0 11 0 8123 1 2 3\n";
  expect(parseCpuMs(stat)).toBe(820);
});

it("finds the most memory that a process held", () => {
  expect(parsePeakBytes("Name:\tnode\nVmPeak:\t 900 kB\nVmHWM:\t     512 kB\nVmRSS:\t 300 kB\n")).toBe(524_288);
  expect(() => parsePeakBytes("Name:\tnode\nState:\tZ (zombie)\n")).toThrow("the process has ended");
});
