// The rules that a node's Services need, as data: named chains of lines in kube-proxy's layout (its chain names,
// hashes, comments and order). Invariant: no I/O, and the same input gives the same bytes; who changes one Service
// plans one Service. Does not know what the kernel holds.
export { differingChains, editChains, ruleTotal, sameLines } from "./chain-map.ts";
export { isPeerJump, type Jump } from "./jumps.ts";
export {
  type ChainNames,
  chainNames,
  isChainPrefix,
  isServiceChain,
  kubePrefix,
  maxChainPrefix,
} from "./names.ts";
export { accountingNames, isLargeCluster, type LocalTraffic, type PlanConfig } from "./plan-config.ts";
export { RulePlanner, type RuleProgram, type TableName, type TableProgram } from "./program.ts";
export { planService, type ServicePlan } from "./service-plan.ts";
