import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { describe, expect, it } from "vitest";
import {
  canonicalFamily,
  cidrAddressAt,
  cidrContains,
  cidrOverlaps,
  cidrSize,
  formatCidr,
  formatIp,
  formatPortRange,
  parseCidr,
  parseIp,
  parsePortRange,
  parseSloppyIp,
} from "./index.ts";

describe("ip", () => {
  it.each(["010.0.0.1", "1.2.3", "0x7f.1", "1.2.3.4 ", "::1::", "fe80::1%eth0", "", "1.2.3.256", "[::1]"])(
    "refuses %j",
    (text) => expect(parseIp(text)).toBeUndefined(),
  );

  it.each([
    ["1.2.3.4", "1.2.3.4"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::ffff:1.2.3.4", "::ffff:1.2.3.4"],
    ["::ffff:102:304", "::ffff:1.2.3.4"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
  ])("prints %s as %s", (text, canonical) => {
    const ip = parseIp(text);
    expect(ip && formatIp(ip)).toBe(canonical);
  });

  it("keeps leading zeros decimal when sloppy, as kube-proxy does", () => {
    const ip = parseSloppyIp("172.030.000.09");
    expect(ip && formatIp(ip)).toBe("172.30.0.9");
  });

  it("knows what is canonical without parsing it", () => {
    const octet = fc.constantFrom("0", "00", "01", "9", "10", "99", "255", "256", "1000", "", "a");
    const group = fc.constantFrom("0", "00", "1", "01", "a", "A", "ffff", "10000", "", "g", "1.2.3.4");
    const text = fc.oneof(
      fc.string(),
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV6().map((address) => formatIp(parseIp(address)!)),
      fc.array(octet, { minLength: 3, maxLength: 5 }).map((list) => list.join(".")),
      fc.array(group, { minLength: 1, maxLength: 9 }).map((list) => list.join(":")),
      fc.array(fc.constantFrom("0", "1"), { minLength: 8, maxLength: 8 }).map((list) => list.join(":")),
      fc.array(fc.constantFrom("0", "1"), { minLength: 8, maxLength: 8 }).map((l) => formatIp(parseIp(l.join(":"))!)),
      fc
        .tuple(fc.array(fc.constantFrom("0", "1")), fc.array(fc.constantFrom("0", "1", "ffff")))
        .map(([left, right]) => `${left.join(":")}::${right.join(":")}`),
    );
    fc.assert(
      fc.property(text, (text) => {
        const ip = parseIp(text);
        const canonical = ip !== undefined && formatIp(ip) === text && !text.startsWith("::ffff:");
        expect([text, canonicalFamily(text)]).toEqual([text, canonical ? ip.family : undefined]);
      }),
      { numRuns: 2000 },
    );
  });

  it("agrees with ip-address on every v4 address", () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const ip = parseIp(text);
        expect(ip?.value).toBe(new Address4(text).bigInt());
        expect(ip && formatIp(ip)).toBe(text);
      }),
    );
  });

  it("agrees with ip-address on every v6 address", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const ip = parseIp(text);
        expect(ip?.value).toBe(new Address6(text).bigInt());
        expect(ip && parseIp(formatIp(ip))).toEqual(ip);
      }),
    );
  });
});

describe("cidr", () => {
  it.each(["1.2.3.4", "1.2.3.4/33", "1.2.3.4/08", "::/129", "/8", "1.2.3.4/-1", "1.2.3.4/8 "])("refuses %j", (text) =>
    expect(parseCidr(text)).toBeUndefined(),
  );

  it("clears host bits", () => {
    expect(formatCidr(cidr("10.1.2.3/8"))).toBe("10.0.0.0/8");
    expect(formatCidr(cidr("fd00::1:2/64"))).toBe("fd00::/64");
    expect(formatCidr(cidr("1.2.3.4/0"))).toBe("0.0.0.0/0");
  });

  it("contains exactly the addresses from its base to base + size - 1", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 1, max: 32 }), (text, prefix) => {
        const range = cidr(`${text}/${prefix}`);
        const last = cidrAddressAt(range, cidrSize(range) - 1n);
        expect([cidrContains(range, range.base), cidrContains(range, last)]).toEqual([true, true]);
        expect(cidrContains(range, { family: "IPv4", value: last.value + 1n })).toBe(false);
        expect(() => cidrAddressAt(range, cidrSize(range))).toThrow(RangeError);
      }),
    );
  });

  it("overlaps when one holds the other, never across families", () => {
    expect(cidrOverlaps(cidr("10.0.0.0/8"), cidr("10.9.0.0/16"))).toBe(true);
    expect(cidrOverlaps(cidr("10.9.0.0/16"), cidr("10.0.0.0/8"))).toBe(true);
    expect(cidrOverlaps(cidr("10.8.0.0/16"), cidr("10.9.0.0/16"))).toBe(false);
    expect(cidrOverlaps(cidr("0.0.0.0/0"), cidr("::/0"))).toBe(false);
  });
});

describe("port range", () => {
  it.each([
    ["30000-32767", "30000-32767"],
    ["30000+10", "30000-30010"],
    ["80", "80"],
  ])("reads %s", (text, canonical) => {
    const range = parsePortRange(text);
    expect(range && formatPortRange(range)).toBe(canonical);
  });

  it.each(["", "0-10", "10-9", "65535+1", "1-70000", "a-b", "1-2-3"])("refuses %j", (text) =>
    expect(parsePortRange(text)).toBeUndefined(),
  );
});

function cidr(text: string): NonNullable<ReturnType<typeof parseCidr>> {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`);
  return parsed;
}
