// What has to be done in Google Cloud, from what is wanted and what is there. Pure. Invariants: what does not say that it
// is ours is never changed; a rule is made anew only where it cannot be changed, after all that can be made beforehand,
// and at an address that is held; what lets traffic in comes before what keeps the rest out.
import type { Desired, Plan, ScopeKey } from "../../../src/provider/index.ts";
import type { Observation } from "../observation.ts";
import type { Settings } from "../settings.ts";
import { planInstances, planInstancesAbsent } from "./instances.ts";
import { planMembers, planMembersAbsent } from "./members.ts";
import { planService, planServiceAbsent, planServiceRetained } from "./service.ts";
import { planShared, planSharedAbsent } from "./shared.ts";

export { sharedHealthCheckName } from "./backend.ts";
export { addressText } from "./comparison.ts";
export { projectsOf, sharedKey } from "./shared.ts";
export { status } from "./status.ts";
export { patient } from "./steps.ts";

/** Of one scope; null tears it down. */
export function planScope(key: ScopeKey, desired: Desired | null, observed: Observation, settings: Settings): Plan {
  if (key.kind === "shared" && observed.kind === "shared")
    return desired?.kind === "shared"
      ? planShared(key.clusterId, desired.users, observed, settings)
      : planSharedAbsent(key.clusterId, observed);
  if (key.kind === "shared" && observed.kind === "instances")
    return desired?.kind === "shared"
      ? planInstances(key.clusterId, desired.nodes, observed, settings)
      : planInstancesAbsent(key.clusterId, observed);
  if (key.kind === "members" && observed.kind === "members")
    return desired?.kind === "members" && settings.backends === "endpoint-groups"
      ? planMembers(desired.lb, desired.nodes, observed, settings)
      : planMembersAbsent(key.id, observed, settings);
  if (key.kind === "service" && observed.kind === "service") {
    if (desired?.kind !== "service") return planServiceAbsent(key.id, observed);
    if (desired.lb.retain) return planServiceRetained(key.id, observed);
    return planService(desired.lb, desired.nodes, observed, settings);
  }
  throw new Error(`an observation of kind ${observed.kind} says nothing about a scope of kind ${key.kind}`);
}
