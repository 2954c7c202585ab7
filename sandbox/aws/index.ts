// A strict AWS that answers over HTTP, for tests with the real SDK. Invariant: nothing of the adapter is known here but
// the tag that its policy asks for; what requests and answers may hold is what AWS' own model says, and what else is
// enforced stands in the table of rules. Where packets go is the matter of `fabric`.

export { furnish, nodeGroup, run } from "./fabric/region.ts";
export { type Entry, FakeAws } from "./fake-aws.ts";
export { AwsError, text } from "./protocol/index.ts";
export { type RuleId, rules } from "./rules.ts";
export type { Group, Listener, LoadBalancer, State, Tags, TargetGroup } from "./state.ts";
export { region, vpcId } from "./state.ts";
