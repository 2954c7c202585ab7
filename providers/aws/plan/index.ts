// What is to be done at AWS: from what a Service wants and what there is to ordered steps, each one call. Invariants:
// pure; nothing without the tags of its owner is changed or deleted; a port never has two listeners; nothing is taken
// away while it still carries traffic. What is not legal yet is a wait.
export { loadBalancerName, type NlbSettings, sharedKey, targetGroupName } from "./context.ts";
export { planMembers } from "./members.ts";
export { planAbsent, planPresent, planRetained } from "./service.ts";
export { planShared, planUnshared } from "./shared.ts";
export { status, validate } from "./status.ts";
