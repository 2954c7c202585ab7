import { expect, it } from "vitest";
import { sourceRanges } from "./source-ranges.ts";

it.each<[string, string[] | undefined, string[] | undefined, string[] | undefined]>([
  ["none", undefined, undefined, undefined],
  ["an empty list", [], undefined, undefined],
  [
    "in order, trimmed, without host bits",
    [" 203.0.113.9/25", "10.0.0.0/8 "],
    ["203.0.113.0/25", "10.0.0.0/8"],
    undefined,
  ],
  ["twice the same", ["10.0.0.0/8", "10.1.1.1/8"], ["10.0.0.0/8"], undefined],
  ["one family only leaves the other open", ["fd00::/8"], undefined, ["fd00::/8"]],
  ["both families", ["10.0.0.0/8", "fd00::/8"], ["10.0.0.0/8"], ["fd00::/8"]],
  ["everybody", ["10.0.0.0/8", "0.0.0.0/0", "::/0"], undefined, undefined],
  ["everybody in one family", ["0.0.0.0/0", "fd00::/8"], undefined, ["fd00::/8"]],
  ["leading zeros", ["203.0.113.000/025"], ["203.0.113.0/25"], undefined],
  ["nothing that parses: nobody", ["203.0.113.0/33"], [], []],
  ["no prefix at all: nobody", ["10.0.0.1"], [], []],
  ["an empty text: nobody", [""], [], []],
  ["a hostile text: nobody", ["0.0.0.0/0\n-A INPUT -j ACCEPT"], [], []],
  ["one that parses, one that does not", ["10.0.0.0/8", "all"], ["10.0.0.0/8"], []],
  ["everybody beside one that does not parse", ["0.0.0.0/0", "all"], undefined, []],
])("%s", (_what, loadBalancerSourceRanges, v4, v6) => {
  const spec = loadBalancerSourceRanges === undefined ? {} : { loadBalancerSourceRanges };
  expect([sourceRanges(spec, "IPv4").ranges, sourceRanges(spec, "IPv6").ranges]).toEqual([v4, v6]);
});

it("says which range lets nobody in", () => {
  const spec = { loadBalancerSourceRanges: ["10.0.0.0/8", "all", `x${"y".repeat(100)}`] };
  expect(sourceRanges(spec, "IPv4").why).toBe(
    `source range "all", "x${"y".repeat(74)}..." is no prefix, so it lets nobody in`,
  );
  expect(sourceRanges({ loadBalancerSourceRanges: ["10.0.0.0/8"] }, "IPv4").why).toBeUndefined();
});
