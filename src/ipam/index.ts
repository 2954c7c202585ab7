// Which address belongs to which load balancer: pools of ranges, who may have of them, and a ledger of who holds what.
// Invariant: an address never has two owners and never comes from outside the pools; the same history gives the same
// addresses; finding a free one costs no look at those that are taken. It remembers nothing across restarts: the caller
// adopts what statuses and providers say before the first claim.
export { AddressLedger, type ClaimResult } from "./ledger.ts";
export { type AddressPool, type Labels, openPool, readPool } from "./pool.ts";
export type { PoolUsage } from "./pool-set.ts";
export { rangesOverlap, usableRange } from "./range.ts";
