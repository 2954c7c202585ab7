// Brings a rule program into the kernel. Invariant: what was not written with success does not count as held, and
// when the kernel holds the program already nothing is written; a Service whose rules are refused is left out and named,
// and all others are written. Does not decide what the rules are.
export { RuleApplier, type Written } from "./applier.ts";
export { differenceInSteps, type Held, type JumpsOnTop, observeInSteps, type TableDifference } from "./difference.ts";
export type { Plans } from "./isolation.ts";
