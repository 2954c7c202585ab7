import { linkOf } from "../links.ts";
import { sharedBaseName } from "../names.ts";
import type { BackendService, Group, HealthCheck, LbScheme, LocalityPolicy } from "../resources.ts";
import { refOf } from "../resources.ts";
import { backendProtocol } from "./ports.ts";
import type { Wish } from "./wish.ts";

/** 24 s until a node is out that answers nothing: it is the same check for all load balancers of the cluster. */
const sharedTiming = { checkIntervalSec: 8, timeoutSec: 1, healthyThreshold: 1, unhealthyThreshold: 3 } as const;
/** 6 s: a node without endpoints loses what it gets. */
const ownTiming = { checkIntervalSec: 3, timeoutSec: 1, healthyThreshold: 1, unhealthyThreshold: 2 } as const;

interface Check {
  readonly port: number;
  readonly path: string;
}

/** The health check of a load balancer of policy Local, which asks whether the node has endpoints of it. */
export function ownHealthCheck({ base, description, lb }: Wish): HealthCheck | undefined {
  if (lb.externalTrafficPolicy !== "Local") return undefined;
  return healthCheck(`${base}-health`, description, lb.healthCheck, ownTiming);
}

export function sharedHealthCheck(clusterId: string, description: string, check: Check): HealthCheck {
  return healthCheck(sharedHealthCheckName(clusterId), description, check, sharedTiming);
}

export function sharedHealthCheckName(clusterId: string): string {
  return `${sharedBaseName(clusterId)}-health`;
}

function healthCheck(
  name: string,
  description: string,
  { port, path }: Check,
  timing: typeof sharedTiming | typeof ownTiming,
): HealthCheck {
  const httpHealthCheck = { port, requestPath: path };
  return { kind: "healthCheck", name, description, type: "HTTP", httpHealthCheck, ...timing };
}

export function loadBalancingScheme({ isInternal }: Wish): LbScheme {
  return isInternal ? "INTERNAL" : "EXTERNAL";
}

export function backendService(wish: Wish, groups: readonly Group[]): BackendService {
  const { lb, options, settings, base, description } = wish;
  const check = ownHealthCheck(wish)?.name ?? sharedHealthCheckName(lb.id.clusterId);
  const policy = localityPolicy(wish);
  return {
    kind: "backendService",
    name: base,
    description,
    loadBalancingScheme: loadBalancingScheme(wish),
    protocol: backendProtocol(lb),
    sessionAffinity: lb.sessionAffinity.kind === "ClientIP" ? "CLIENT_IP" : "NONE",
    connectionDraining: { drainingTimeoutSec: options.drainSeconds },
    healthChecks: [linkOf({ kind: "healthCheck", name: check }, settings)],
    backends: groups
      .map((group) => ({ group: linkOf(refOf(group), settings), balancingMode: "CONNECTION" }) as const)
      .sort((a, b) => (a.group < b.group ? -1 : 1)),
    ...(policy !== undefined && { localityLbPolicy: policy }),
  };
}

function localityPolicy({ options, isInternal }: Wish): LocalityPolicy | undefined {
  if (!options.weighted) return undefined;
  return isInternal ? "WEIGHTED_GCP_RENDEZVOUS" : "WEIGHTED_MAGLEV";
}
