// A strict AWS that answers over HTTP, for tests with the real SDK. Invariant: nothing of the adapter is known here but
// the tag that its policy asks for; what is enforced stands in the table of rules.
export { AwsError, list, maybe, text } from "./call.ts";
export { type Entry, FakeAws } from "./fake-aws.ts";
export type { Path } from "./paths.ts";
export { furnish, nodeGroup, run } from "./region.ts";
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
