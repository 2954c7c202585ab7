import { passthroughProviders, providerFinalizer, type Service } from "../api/index.ts";
import { type Clock, errorMessage, type Random } from "../base/index.ts";
import { type Exec, ipBatch, listLocalRoutes } from "../kernel/index.ts";
import { type Cidr, cidrContains, type Family, formatIp, type Ip, ipEquals, parseIp } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import { SyncLoop } from "./sync-loop.ts";

/** `auto`: where nobody else makes an address the node's own; `on`: whoever else does. */
export const vipRouteModes = ["auto", "on", "off"] as const;
export type VipRouteMode = (typeof vipRouteModes)[number];

export interface VipRoutesOptions {
  readonly mode: Exclude<VipRouteMode, "off">;
  readonly state: Pick<ClusterState, "serviceKeys" | "service">;
  readonly families: readonly Family[];
  readonly exec: Exec;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** By which our routes are told from those of others, such as Google's guest agent (66). */
const protocol = "107";
/** So often it is looked whether they are still there, and whether somebody else has made them meanwhile. */
const lookAgainMs = 30_000;
const retryMs = 5000;
const minIntervalMs = 1000;
const finalizers: ReadonlySet<string> = new Set(passthroughProviders.map(providerFinalizer));

/**
 * Makes the addresses of load balancers that pass packets through the node's own, by a local route for each. Rules
 * translate what is sent to a port of the Service; probes are sent to other ports of the same address, where the agent
 * itself answers. Google's images have an agent that does so too; then there is nothing to do.
 */
export class VipRoutes {
  readonly #options: VipRoutesOptions;
  readonly #loop: SyncLoop;
  /** By the key of the Service. */
  readonly #vips = new Map<string, readonly Ip[]>();
  /** Whether there are routes of ours; unknown at first, as another process may have made some. */
  #hasRoutes = true;

  constructor(options: VipRoutesOptions) {
    this.#options = options;
    this.#loop = new SyncLoop({ ...options, sync: () => this.sync(), minIntervalMs, maxRetryMs: lookAgainMs });
  }

  serviceChanged(key: string): void {
    const before = this.#vips.get(key) ?? [];
    const after = vipsOf(this.#options.state.service(key));
    if (after.length === before.length && after.every((ip, i) => before[i] !== undefined && ipEquals(ip, before[i])))
      return;
    if (after.length === 0) this.#vips.delete(key);
    else this.#vips.set(key, after);
    this.#loop.trigger();
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const key of this.#options.state.serviceKeys()) this.serviceChanged(key);
    this.#loop.trigger();
    await this.#loop.run(signal);
  }

  /** Resolves with the milliseconds after which to look again; undefined when nothing is left to look after. */
  async sync(): Promise<number | undefined> {
    if (this.#vips.size === 0 && !this.#hasRoutes) return undefined;
    const { families, logger } = this.#options;
    try {
      let count = 0;
      for (const family of families) count += await this.#syncFamily(family);
      this.#hasRoutes = count > 0;
      return this.#vips.size > 0 ? lookAgainMs : undefined;
    } catch (error) {
      // Whoever has no such load balancer needs no `ip`.
      if (this.#vips.size === 0) return undefined;
      logger.warn("cannot set local routes for load-balancer addresses", { why: errorMessage(error) });
      return retryMs;
    }
  }

  /** How many routes of ours there are then. */
  async #syncFamily(family: Family): Promise<number> {
    const { exec, logger } = this.#options;
    // What is half done is done the next time.
    const options = { signal: AbortSignal.timeout(retryMs) };
    const found = await listLocalRoutes(exec, family, options);
    const others = found.filter((route) => route.protocol !== protocol).map(({ to }) => to);
    const ours = new Set(found.filter((route) => route.protocol === protocol).map(({ to }) => formatIp(to.base)));
    const wanted = new Set(this.#wanted(family, others));
    const changes = [
      ...[...wanted.difference(ours)].sort().map((ip) => `append ${ip}`),
      ...[...ours.difference(wanted)].sort().map((ip) => `del ${ip}`),
    ];
    if (changes.length === 0) return wanted.size;
    await ipBatch(exec, changes.map(commandOf), options);
    logger.info("local routes for load-balancer addresses changed", { what: changes.join(", ") });
    return wanted.size;
  }

  #wanted(family: Family, others: readonly Cidr[]): readonly string[] {
    const { mode } = this.#options;
    return [...this.#vips.values()]
      .flat()
      .filter((ip) => ip.family === family && (mode === "on" || !others.some((cidr) => cidrContains(cidr, ip))))
      .map(formatIp);
  }
}

/** Addresses at which packets come to the nodes unchanged. */
export function vipsOf(service: Service | undefined): readonly Ip[] {
  const { finalizers: held = [] } = service?.metadata ?? {};
  if (service?.spec?.type !== "LoadBalancer" || !held.some((name) => finalizers.has(name))) return [];
  const { ingress = [] } = service.status?.loadBalancer ?? {};
  return ingress
    .filter(({ ipMode }) => ipMode !== "Proxy")
    .flatMap(({ ip = "" }) => parseIp(ip) ?? [])
    .sort((a, b) => (formatIp(a) < formatIp(b) ? -1 : 1));
}

/** Takes away what an agent left; returns the addresses. */
export async function removeVipRoutes(exec: Exec, family: Family, signal: AbortSignal): Promise<readonly string[]> {
  const found = await listLocalRoutes(exec, family, { signal });
  const ours = found.filter((route) => route.protocol === protocol).map(({ to }) => formatIp(to.base));
  const commands = ours.map((ip) => commandOf(`del ${ip}`));
  if (commands.length > 0) await ipBatch(exec, commands, { signal });
  return ours;
}

/** `append 192.0.2.1`, beside a route of somebody else's, as `ip` takes it. */
function commandOf(change: string): string {
  const [verb, ip = ""] = change.split(" ");
  const bits = ip.includes(":") ? 128 : 32;
  return `route ${verb} local ${ip}/${bits} dev lo table local proto ${protocol}`;
}
