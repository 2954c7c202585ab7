// A strict AWS that answers over HTTP, for tests with the real SDK. Invariant: nothing of the adapter is known here but
// the tag that its policy asks for; what requests and answers may hold is what AWS' own model says, and what else is
// enforced stands in the table of rules. Where packets go is the matter of `fabric`.

export { furnish, nodeGroup, run } from "./fabric/region.ts";
export { type Entry, FakeAws, text } from "./fake-aws.ts";
export { AwsError } from "./protocol/index.ts";
export { type RuleId, rules } from "./rules.ts";
export {
  type Group,
  type Listener,
  type LoadBalancer,
  region,
  type State,
  type Tags,
  type TargetGroup,
  vpcId,
} from "./state.ts";
