// What Services, slices and nodes mean, as pure functions: frontends and the endpoints that may serve them on a
// node; the load balancer that a Service asks for. Invariant: no I/O, no clock, the same input gives the same output.
export { AddressClaims, type Loss } from "./address-claims.ts";
export { readAddress, readPrefix } from "./addresses.ts";
export { idleTerms } from "./annotation-keys.ts";
export {
  allowsNamespace,
  type Classes,
  type ClassPolicy,
  classDiffers,
  classOf,
  type NodePortsPolicy,
  plainClasses,
} from "./class-policy.ts";
export {
  type Classification,
  type Cleanup,
  classify,
  type IgnoreCause,
} from "./classify.ts";
export { desiredLoadBalancer, type Wish } from "./desired.ts";
export {
  allEndpoints,
  chooseEndpoints,
  endpointName,
  endpointNodes,
  endpointsOf,
  type NodePlace,
  type ServiceEndpoint,
} from "./endpoints.ts";
export {
  type FrontendGuard,
  guardFrontends,
  type Objection,
  type RefusedFrontend,
  type Screened,
  screenFrontends,
  socketObjection,
  type WaitingSocket,
} from "./frontend-guard.ts";
export type { Frontend } from "./frontends.ts";
export type {
  DesiredLoadBalancer,
  Issue,
  LbIdentity,
  NodeNeed,
  NodeTarget,
} from "./load-balancer.ts";
export { assignNodePorts, dynamicBand, servicePortKey } from "./node-ports.ts";
export {
  frontendText,
  type IsolatedService,
  parseReport,
  type ReportedLoss,
  renderReport,
  reportedLosses,
} from "./node-report.ts";
export {
  asksFor,
  changedLabels,
  chooseNodes,
  looksTheSame,
  type NodeFacts,
  type NodeSet,
  type NodeWish,
  nodeFacts,
  withoutProviderId,
  withoutTargets,
  withServingAddresses,
} from "./node-targets.ts";
export { type Claimant, type Claims, claimantOf, claimsOf, PortClaims } from "./port-claims.ts";
export {
  isFiltered,
  type ProxiedPort,
  type ProxiedService,
  proxiedService,
} from "./proxied-service.ts";
export { targetSubset } from "./target-subset.ts";
export { deletionPolicyOf, isPaused } from "./terms.ts";
