// What Services, slices and nodes mean, as pure functions: frontends and the endpoints that may serve them on a
// node; the load balancer that a Service asks for. Invariant: no I/O, no clock, the same input gives the same output.
export type {
  DesiredLoadBalancer,
  Issue,
  LbIdentity,
  LbPort,
  NodeHealthCheck,
  NodeTarget,
} from "./load-balancer.ts";
