/** What many measurements of one thing come to. */
export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** The smallest sample that at least this share of all samples does not exceed: always one that was measured. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError(`no sample at ${share} of ${sorted.length}`);
  return value;
}

export function summarize(samples: readonly number[]): Summary {
  return {
    count: samples.length,
    min: quantile(samples, 0),
    median: quantile(samples, 0.5),
    p99: quantile(samples, 0.99),
    max: quantile(samples, 1),
  };
}

/**
 * Every round measures each of `things` once, one right after the other, and begins one further on: what the machine
 * does beside us, and what one leaves behind for the next, meets all of them alike.
 */
export function interleave<T>(things: readonly T[], rounds: number): T[] {
  return Array.from({ length: rounds }, (_, round) => {
    const first = round % Math.max(1, things.length);
    return [...things.slice(first), ...things.slice(0, first)];
  }).flat();
}
