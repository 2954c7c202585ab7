import type { Random } from "../../src/base/index.ts";

/** Numbers (ports, or addresses as integers) from `first` on, `size` of them. */
export interface NumberRange {
  readonly first: bigint;
  readonly size: bigint;
  /** How many at the start are left to explicit requests as long as others are free (KEP-3070, KEP-3668). */
  readonly staticBand: bigint;
}

/** The static band of a range: `size / step`, at least `min` and at most `max`; none when the range is that small. */
export function staticBand(size: bigint, { min, max, step }: { min: bigint; max: bigint; step: bigint }): bigint {
  if (size <= min) return 0n;
  const share = size / step;
  return share < min ? min : share > max ? max : share;
}

/**
 * A free number: the first one from a random start in the dynamic band, wrapping around; else one of the static
 * band in the same way; undefined when the range is full.
 */
export function nextFree(
  { first, size, staticBand }: NumberRange,
  isTaken: (value: bigint) => boolean,
  random: Random,
): bigint | undefined {
  return scan(first + staticBand, size - staticBand, isTaken, random) ?? scan(first, staticBand, isTaken, random);
}

function scan(first: bigint, size: bigint, isTaken: (value: bigint) => boolean, random: Random): bigint | undefined {
  if (size <= 0n) return undefined;
  const start = randomBelow(size, random);
  for (let step = 0n; step < size; step++) {
    const value = first + ((start + step) % size);
    if (!isTaken(value)) return value;
  }
  return undefined;
}

/** Uniform enough for picking a start: 62 random bits scaled to the size. */
function randomBelow(size: bigint, random: Random): bigint {
  const bits = (BigInt(Math.floor(random() * 2 ** 31)) << 31n) | BigInt(Math.floor(random() * 2 ** 31));
  return (size * bits) >> 62n;
}
