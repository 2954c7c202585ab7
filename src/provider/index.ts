// What a provider adapter is, and nothing about any of them: scopes, snapshots, plans, the closed set of errors.
// Invariant: an adapter decides nothing about Services; it observes, plans (pure) and applies one step at a time.
export type * from "./contract.ts";
