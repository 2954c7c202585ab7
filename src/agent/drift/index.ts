// Notices that somebody else altered our rules, chains or jumps, and has exactly that written again. Invariant: what
// is read is compared with what the appliers last wrote, in their turn, so that a repair never fights a sync; at rest
// nothing is written and at most 2 % of one core is spent. On nf_tables the kernel tells of changes (`nft monitor`);
// on legacy it does not, and tables are read again as often as that share allows. Does not decide what the rules are.

export type { DriftTarget, KernelRules } from "./checker.ts";
export { Drift, type DriftOptions } from "./drift.ts";
export { OwnWrites } from "./own-writes.ts";
