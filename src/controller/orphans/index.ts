// Orphans: what a provider keeps under our owner tags for a Service that there is not, or that is no business of that
// provider any more. Invariants (rule 9 of the provider contract): what is tagged retained is none; nothing is deleted
// without leave, before it was seen twice and for long enough by this very leader, before the API server itself has
// listed its Services, nor much at once. What several load balancers share is not judged here (rule 2).
export { type Holders, holdersIn } from "./orphan.ts";
export { formatOrphans, orphanReport } from "./report.ts";
export { type OrphanPolicy, OrphanSweep } from "./sweep.ts";
