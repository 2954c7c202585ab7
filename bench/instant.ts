/** Milliseconds on the clock that all processes of a machine share (CLOCK_MONOTONIC). */
export function instant(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
