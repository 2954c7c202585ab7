// Load balancers for the tests on an account.
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { desiredLb, port } from "./values.ts";

export const prefix = "service.beta.kubernetes.io/aws-load-balancer-";

/** One of TCP ports from 80 on. */
export function lbOf(ports: number, changes: Partial<DesiredLoadBalancer> = {}): DesiredLoadBalancer {
  const all = Array.from({ length: ports }, (_, i) => port("TCP", 80 + i, 30_080 + i, `p${i}`));
  return desiredLb({ ports: all, ...changes });
}

/** One of many Services. */
export function numbered(number: number, changes: Partial<DesiredLoadBalancer> = {}): DesiredLoadBalancer {
  const { id } = desiredLb();
  return lbOf(1, { id: { ...id, uid: `uid-${number}`, name: `web-${number}` }, ...changes });
}
