// Which address belongs to which load balancer: pools made of prefixes and a ledger of who holds what. Invariant: an
// address never has two owners and never comes from outside the pool; the same history gives the same addresses.
// It remembers nothing across restarts: the caller adopts what statuses and providers say before the first claim.
export { AddressLedger } from "./ledger.ts";
export { type AddressPool, addressPool } from "./pool.ts";
