import { expect, it } from "vitest";
import { formatIp } from "../net/index.ts";
import { parseRange, rangeSize, withoutRepeats } from "./range.ts";

function shown(text: string): string {
  const range = parseRange(text);
  if (range === undefined) return "none";
  const { family, first, last } = range;
  return `${formatIp({ family, value: first })} ${formatIp({ family, value: last })} ${rangeSize(range)}`;
}

it.each([
  ["10.0.0.0/24", "10.0.0.1 10.0.0.254 254"],
  ["10.0.0.0/30", "10.0.0.1 10.0.0.2 2"],
  ["10.0.0.0/31", "10.0.0.0 10.0.0.1 2"],
  ["10.0.0.7/32", "10.0.0.7 10.0.0.7 1"],
  ["fd00::/126", "fd00::1 fd00::3 3"],
  ["fd00::/127", "fd00:: fd00::1 2"],
  ["fd00::/64", "fd00::1 fd00::ffff:ffff:ffff:ffff 18446744073709551615"],
  ["10.0.0.0-10.0.0.255", "10.0.0.0 10.0.0.255 256"],
  ["10.0.0.7-10.0.0.7", "10.0.0.7 10.0.0.7 1"],
  ["10.0.0.7 - 10.0.0.7", "none"],
  ["fd00::1-fd00::2:0", "fd00::1 fd00::2:0 131072"],
  ["10.0.0.9-10.0.0.1", "none"],
  ["10.0.0.1-fd00::1", "none"],
  ["10.0.0.1", "none"],
  ["10.0.0.1-10.0.0.2-10.0.0.3", "none"],
  ["010.0.0.1-10.0.0.2", "none"],
  ["", "none"],
])("%s is %s", (text, expected) => expect(shown(text)).toBe(expected));

it("leaves each address in the first range that has it", () => {
  const ranges = ["10.0.0.4-10.0.0.6", "10.0.0.0-10.0.0.9", "10.0.0.5-10.0.0.12", "fd00::/127"];
  const numbers = withoutRepeats(ranges.map((text) => parseRange(text)!)).map(({ first, last }) => [
    Number(first & 0xffn),
    Number(last & 0xffn),
  ]);
  expect(numbers).toEqual([
    [4, 6],
    [0, 3],
    [7, 9],
    [10, 12],
    [0, 1],
  ]);
});
