import type { Service } from "../../api/index.ts";
import { type Classes, type ClassPolicy, classOf, deletionPolicyOf, desiredLoadBalancer } from "../../model/index.ts";
import type { Desired } from "../../provider/index.ts";

/** What is wanted of a provider when the Service goes and its load balancer stays. */
export function retained(service: Service, clusterId: string, policy: ClassPolicy | undefined): Desired {
  const nameless = { loadBalancerClass: service.spec?.loadBalancerClass ?? "", provider: "" };
  const { lb } = desiredLoadBalancer(service, clusterId, policy ?? nameless);
  return { kind: "service", lb: { ...lb, retain: true }, nodes: [] };
}

/** What is wanted for a Service that has gone without its finalizer; null: nothing may be left. */
export function lastWish(service: Service, clusterId: string, classes: Classes): Desired | null {
  const policy = classOf(service, classes);
  // What cannot be read may have meant Retain, and nobody is left to ask.
  return deletionPolicyOf(service, policy) === "Delete" ? null : retained(service, clusterId, policy);
}
