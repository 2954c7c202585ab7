import { endpointName, frontendText, type ProxiedPort, type ProxiedService } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import { cutList, pageOf } from "../telemetry/index.ts";
import type { NodeStanding } from "./node-standing.ts";
import type { SyncHealth } from "./sync-health.ts";
import type { FailedSync } from "./sync-report.ts";

/** What a proxy believes. */
export interface ProxyView {
  readonly standing: NodeStanding;
  readonly services: readonly ProxiedService[];
  /** Changes that no sync has looked at yet. */
  readonly changesWaiting: { readonly services: number; readonly endpointSlices: number };
  readonly families: readonly {
    readonly family: Family;
    /** Services whose rules are planned but not in the kernel. */
    readonly pending: readonly string[];
    readonly lastFailure: FailedSync | undefined;
  }[];
}

/**
 * What the agent believes, as JSON for people: sorted, and bounded. `?service=namespace/name` shows one Service,
 * `?limit=` and `?after=namespace/name` the next page.
 */
export async function describeState(
  nodeName: string,
  { standing, services, changesWaiting, families }: ProxyView,
  health: SyncHealth,
  query: URLSearchParams,
): Promise<object> {
  const hashes = await standing.hashes();
  const states = health.families();
  return {
    node: nodeName,
    families: Object.fromEntries(
      families.map(({ family, pending, lastFailure }) => {
        const { updatedAt, pendingMs, healthy = false } = states.get(family) ?? {};
        return [
          family,
          {
            programmed: hashes.get(family),
            lastUpdated: time(updatedAt),
            healthy,
            pendingSeconds: pendingMs === undefined ? null : Math.round(pendingMs) / 1000,
            pendingServices: cutList(pending.toSorted()),
            lastFailure: lastFailure === undefined ? null : { ...lastFailure, at: time(lastFailure.at) },
          },
        ];
      }),
    ),
    changesWaiting,
    refused: cutList(
      standing.refused().map(({ service, frontend, protocol, why }) => ({
        service,
        frontend: frontendText(frontend, protocol),
        why,
      })),
    ),
    isolated: cutList(standing.isolated()),
    services: pageOf(services, query, describeService),
  };
}

function describeService({ key, ports }: ProxiedService): object {
  return { service: key, ports: ports.map(describePort) };
}

function describePort(port: ProxiedPort): object {
  const { name, protocol, family, frontends, internalPolicy, externalPolicy, affinitySeconds, choice } = port;
  const { healthCheckNodePort } = port;
  return {
    name,
    protocol,
    family,
    frontends: frontends.map((frontend) => frontendText(frontend, protocol)).sort(),
    internalPolicy,
    externalPolicy,
    ...(affinitySeconds !== undefined && { affinitySeconds }),
    ...(healthCheckNodePort !== 0 && { healthCheckNodePort }),
    endpoints: {
      known: port.endpoints.length,
      cluster: cutList(choice.cluster.map(endpointName)),
      local: cutList(choice.local.map(endpointName)),
    },
  };
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
