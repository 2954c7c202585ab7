// What a provider adapter is, and nothing about any of them: scopes, snapshots, plans, the closed set of errors.
// Invariant: an adapter decides nothing about Services; it observes, plans (pure) and applies one step at a time.
export { unsupported } from "./capability.ts";
export type * from "./contract.ts";
export { type Decision, decide, type Fault, ProviderError } from "./errors.ts";
export { executePlan, inOrder, type StepOutcome } from "./execution.ts";
export type { ProviderContext, ProviderFlag, ProviderModule } from "./module.ts";
export { contentHash, isConverged, makePlan } from "./plan.ts";
export { type Rates, RequestBudget } from "./request-budget.ts";
export { requestMeters } from "./request-meter.ts";
export { NotSentError, type RequestKind, type RequestLimits, Requests } from "./requests.ts";
export { type Rate, TokenBucket } from "./token-bucket.ts";
