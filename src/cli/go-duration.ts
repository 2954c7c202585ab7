// Durations as Go's `time.ParseDuration` reads them and `Duration.String` writes them, in nanoseconds: the flags and
// the file of kube-proxy hold them, and what we write must be read by both.

const unitNs: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const maxNs = 2n ** 63n - 1n;

/** `1h30m`, `-1.5s`, `0`; undefined for what Go refuses: no unit, an unknown one, more than 292 years. */
export function parseGoDuration(text: string): bigint | undefined {
  const [, sign, rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0n;
  const parts = [...rest.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/gy)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== rest) return undefined;
  let sum = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of parts) {
    if (whole === "" && fraction === "") return undefined;
    const ns = unitNs[unit] ?? 0n;
    sum += BigInt(whole) * ns + (BigInt(fraction) * ns) / 10n ** BigInt(fraction.length);
  }
  if (sum > maxNs) return undefined;
  return sign === "-" ? -sum : sum;
}

/** As Go writes it: `1h30m0s`, `1.5s`, `100ms`, `0s`. */
export function formatGoDuration(ns: bigint): string {
  if (ns < 0n) return `-${formatGoDuration(-ns)}`;
  if (ns === 0n) return "0s";
  for (const [limit, unit] of [
    [1000n, "ns"],
    [1_000_000n, "µs"],
    [1_000_000_000n, "ms"],
  ] as const)
    if (ns < limit) return `${withFraction(ns, unitNs[unit] ?? 1n)}${unit}`;
  const minuteNs = 60_000_000_000n;
  const seconds = `${withFraction(ns % minuteNs, 1_000_000_000n)}s`;
  const minutes = ns / minuteNs;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function withFraction(value: bigint, unit: bigint): string {
  const fraction = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, "0")
    .replace(/0+$/, "");
  return fraction === "" || unit === 1n ? `${value / unit}` : `${value / unit}.${fraction}`;
}

/** Milliseconds, as our code counts; exact up to the nanosecond for 104 days. */
export function durationMs(ns: bigint): number {
  return Number(ns) / 1e6;
}

/** A duration of so many milliseconds, as Go writes it. */
export function formatMs(ms: number): string {
  const whole = Math.trunc(ms);
  return formatGoDuration(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6)));
}
