import { endpointName, frontendText, type ProxiedPort, type ProxiedService } from "../model/index.ts";
import type { Family } from "../net/index.ts";
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

/** Services on one page, unless asked for others. */
const defaultLimit = 200;
const maxLimit = 2000;
/** Longer lists are cut, and say how long they are. */
const maxListed = 500;

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
            pendingServices: cut(pending.toSorted()),
            lastFailure: lastFailure === undefined ? null : { ...lastFailure, at: time(lastFailure.at) },
          },
        ];
      }),
    ),
    changesWaiting,
    refused: cut(
      standing.refused().map(({ service, frontend, protocol, why }) => ({
        service,
        frontend: frontendText(frontend, protocol),
        why,
      })),
    ),
    isolated: cut(standing.isolated()),
    services: page(services, query),
  };
}

function page(services: readonly ProxiedService[], query: URLSearchParams): object {
  const wanted = query.get("service");
  const after = query.get("after") ?? "";
  const asked = Number(query.get("limit") ?? defaultLimit);
  const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, maxLimit) : defaultLimit;
  const found = services
    .filter(({ key }) => (wanted === null ? key > after : key === wanted))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const shown = found.slice(0, limit);
  const rest = found.length > shown.length ? { next: shown.at(-1)?.key } : {};
  return { total: services.length, ...rest, items: shown.map(describeService) };
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
      cluster: cut(choice.cluster.map(endpointName)),
      local: cut(choice.local.map(endpointName)),
    },
  };
}

function cut<T>(list: readonly T[]): readonly T[] | { readonly total: number; readonly first: readonly T[] } {
  return list.length <= maxListed ? list : { total: list.length, first: list.slice(0, maxListed) };
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
