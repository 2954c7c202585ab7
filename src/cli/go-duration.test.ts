import fc from "fast-check";
import { expect, it } from "vitest";
import { durationMs, formatGoDuration, formatMs, parseGoDuration } from "./go-duration.ts";

it.each<[string, bigint | undefined, string?]>([
  ["0", 0n, "0s"],
  ["-0", 0n, "0s"],
  ["0s", 0n],
  ["1ns", 1n],
  ["1500ns", 1500n, "1.5µs"],
  ["1us", 1000n, "1µs"],
  ["1μs", 1000n, "1µs"],
  ["100ms", 100_000_000n],
  ["1500ms", 1_500_000_000n, "1.5s"],
  [".5s", 500_000_000n, "500ms"],
  ["5.s", 5_000_000_000n, "5s"],
  ["1m", 60_000_000_000n, "1m0s"],
  ["90s", 90_000_000_000n, "1m30s"],
  ["1h", 3_600_000_000_000n, "1h0m0s"],
  ["2h22m", 8_520_000_000_000n, "2h22m0s"],
  ["30m1h", 5_400_000_000_000n, "1h30m0s"],
  ["24h0m0s", 86_400_000_000_000n],
  ["-1.5h", -5_400_000_000_000n, "-1h30m0s"],
  ["+3s", 3_000_000_000n, "3s"],
  ["2562047h47m16.854775807s", 2n ** 63n - 1n],
  ["2562047h47m16.854775808s", undefined],
  ["", undefined],
  ["3", undefined],
  ["s", undefined],
  [".s", undefined],
  ["1x", undefined],
  ["1 s", undefined],
  ["1s ", undefined],
  ["5h3x", undefined],
  ["1d", undefined],
  ["--1s", undefined],
  ["1e3s", undefined],
])("reads %j as Go does", (text, ns, written) => {
  expect(parseGoDuration(text)).toBe(ns);
  if (ns !== undefined) expect(formatGoDuration(ns)).toBe(written ?? text);
});

it("writes every duration so that it reads the same", () => {
  const ns = fc.oneof(fc.bigInt(-(2n ** 63n) + 1n, 2n ** 63n - 1n), fc.bigInt(-5_000_000_000n, 5_000_000_000n));
  fc.assert(fc.property(ns, (value) => parseGoDuration(formatGoDuration(value)) === value));
});

const unitsNs = { ns: 1n, us: 1000n, ms: 10n ** 6n, s: 10n ** 9n, m: 60n * 10n ** 9n, h: 3600n * 10n ** 9n };

it("adds up the parts of a duration, in whatever order", () => {
  const part = fc.tuple(fc.nat(100_000), fc.constantFrom(...(Object.keys(unitsNs) as (keyof typeof unitsNs)[])));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const sum = parts.reduce((total, [n, unit]) => total + BigInt(n) * unitsNs[unit], 0n);
      expect(parseGoDuration(parts.map(([n, unit]) => `${n}${unit}`).join(""))).toBe(sum);
    }),
  );
});

it("takes no text for a duration that Go would not", () => {
  const go = /^[+-]?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/;
  const text = fc.string({ unit: fc.constantFrom(...Array.from("0123456789.+-hmsnuµx ")) });
  fc.assert(
    fc.property(text, (value) => {
      const expected = go.test(value) || /^[+-]?0$/.test(value);
      if (!expected) expect(parseGoDuration(value)).toBeUndefined();
      else if (value.length < 8) expect(parseGoDuration(value)).toBeDefined();
    }),
  );
});

it("counts milliseconds to the nanosecond", () => {
  expect(formatMs(4_492_858_585.232)).toBe("1248h0m58.585232s");
  expect(formatMs(-1.5)).toBe("-1.5ms");
  fc.assert(
    fc.property(fc.bigInt(0n, 90n * 86_400n * 10n ** 9n), (ns) => formatMs(durationMs(ns)) === formatGoDuration(ns)),
  );
});
