// What every other folder may lean on: time, randomness, cancellation, back-off and the two errors that a
// command line knows. Invariant: nothing here imports anything of ours, and outside this folder and `src/cli`
// nobody reads the clock, the random source or the environment directly.
export { onAbort, orAborted, sleep, untilAbort, withTimeout } from "./abort.ts";
export { assertNever } from "./assert-never.ts";
export { Backoff, type BackoffOptions } from "./backoff.ts";
export { type Clock, systemClock } from "./clock.ts";
export { cutText } from "./cut-text.ts";
export { errorMessage, FailureError, isAbort, oneLine, rootError, UsageError } from "./errors.ts";
export { firstFew } from "./first-few.ts";
export type { Json } from "./json.ts";
export { type Random, systemRandom } from "./random.ts";
export { sameData } from "./same-data.ts";
export { atOnce, inTurns, type Steps, Turn } from "./turn.ts";
