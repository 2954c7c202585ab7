import fc from "fast-check";
import { expect, it } from "vitest";
import { formatCidr, formatIp } from "../net/index.ts";
import { readAddress, readPrefix } from "./addresses.ts";

it.each([
  ["10.0.0.1", "10.0.0.1"],
  ["010.000.00.01", "10.0.0.1"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::ffff:a00:1", "10.0.0.1"],
  ["FD00:0::1", "fd00::1"],
  ["10.0.0", undefined],
  ["10.0.0.256", undefined],
  ["10.0.0.1/32", undefined],
  ["fe80::1%eth0", undefined],
  [" 10.0.0.1", undefined],
  ["10.0.0.1\n-A INPUT -j DROP", undefined],
  ["", undefined],
  [undefined, undefined],
  [null, undefined],
  [10, undefined],
])("reads the address %j as %s", (text, address) => {
  const ip = readAddress(text);
  expect(ip && formatIp(ip)).toBe(address);
});

it.each([
  ["203.0.113.0/24", "203.0.113.0/24"],
  ["203.0.113.9/24", "203.0.113.0/24"],
  ["203.0.113.000/025", "203.0.113.0/25"],
  ["  203.0.113.0/24\t", "203.0.113.0/24"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["0.0.0.0/00", "0.0.0.0/0"],
  ["FD00::/8", "fd00::/8"],
  ["::ffff:10.1.2.3/104", "10.0.0.0/8"],
  ["::ffff:10.1.2.3/64", "::/64"],
  ["203.0.113.0/33", undefined],
  ["203.0.113.0/-1", undefined],
  ["203.0.113.0/", undefined],
  ["203.0.113.0", undefined],
  ["203.0.113.0/24/24", undefined],
  ["203.0.113.0 /24", undefined],
  ["", undefined],
  [undefined, undefined],
])("reads the prefix %j as %s", (text, prefix) => {
  const cidr = readPrefix(text);
  expect(cidr && formatCidr(cidr)).toBe(prefix);
});

it("reads what it has written, and nothing but addresses out of any text", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), fc.integer({ min: 0, max: 130 }), (text, length) => {
      const ip = readAddress(text);
      if (ip !== undefined) {
        expect(formatIp(ip)).toMatch(/^[0-9a-f.:]+$/);
        expect(readAddress(formatIp(ip))).toEqual(ip);
      }
      const prefix = readPrefix(`${text}/${length}`);
      if (prefix !== undefined) expect(readPrefix(formatCidr(prefix))).toEqual(prefix);
      expect(prefix === undefined).toBe(ip === undefined || length > (text.includes(":") ? 128 : 32));
    }),
  );
});
