import type { Clock } from "../base/index.ts";
import { type Conntrack, ProgramMissingError, type UdpFlow } from "../kernel/index.ts";
import { endpointName, type ProxiedService } from "../model/index.ts";
import { type Family, withPort } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { ServiceChange } from "./service-table.ts";

/** Who may answer flows to a frontend: `address:port`, or `:port` for a NodePort -> `address:port` of endpoints. */
export type UdpFrontends = ReadonlyMap<string, ReadonlySet<string>>;

export function udpFrontends(service: ProxiedService | undefined, family: Family): UdpFrontends {
  return new Map(
    (service?.ports ?? [])
      .filter((port) => port.protocol === "UDP" && port.family === family)
      .flatMap((port) => {
        const serving = new Set(port.endpoints.filter((endpoint) => endpoint.serving).map(endpointName));
        return port.frontends.map((frontend) => [frontendKey(frontend.address, frontend.port), serving] as const);
      }),
  );
}

function frontendKey(address: string | undefined, port: number): string {
  return address === undefined ? `:${port}` : withPort(address, port);
}

/**
 * Flows that connection tracking still sends where the rules no longer would: a UDP client that keeps its port never
 * meets the rules again by itself (kubernetes/kubernetes#19029, #139628).
 */
export function staleFlows(
  flows: readonly UdpFlow[],
  frontends: UdpFrontends,
  nodeAddresses: ReadonlySet<string>,
): UdpFlow[] {
  return flows.filter((flow) => {
    const { destination, destinationPort } = flow;
    const serving =
      frontends.get(frontendKey(destination, destinationPort)) ??
      (nodeAddresses.has(destination) ? frontends.get(frontendKey(undefined, destinationPort)) : undefined);
    return serving !== undefined && !serving.has(withPort(flow.replySource, flow.replySourcePort));
  });
}

/** Forgets stale flows of one family after the rules of UDP Services changed; what fails is done with the next change. */
export class FlowReconciler {
  readonly #conntrack: Conntrack;
  readonly #family: Family;
  readonly #metrics: AgentMetrics;
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** Flows may have gone stale while nobody looked. */
  #due = true;
  /** Frontends that are gone, until their flows are. */
  #former = new Set<string>();

  constructor(conntrack: Conntrack, family: Family, metrics: AgentMetrics, logger: Logger, clock: Clock) {
    this.#conntrack = conntrack;
    this.#family = family;
    this.#metrics = metrics;
    this.#logger = logger;
    this.#clock = clock;
  }

  async reconcile(
    changes: readonly ServiceChange[],
    services: readonly ProxiedService[],
    nodeAddresses: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<void> {
    for (const { before, after } of changes) {
      const was = udpFrontends(before, this.#family);
      if (was.size > 0 || udpFrontends(after, this.#family).size > 0) this.#due = true;
      for (const frontend of was.keys()) this.#former.add(frontend);
    }
    if (!this.#due) return;
    const nobody: ReadonlySet<string> = new Set();
    const frontends: UdpFrontends = new Map([
      ...[...this.#former].map((frontend) => [frontend, nobody] as const),
      ...services.flatMap((service) => [...udpFrontends(service, this.#family)]),
    ]);
    const labels = { ip_family: this.#family };
    const start = this.#clock.monotonic();
    try {
      const flows = frontends.size === 0 ? [] : await this.#conntrack.udpFlows(signal);
      const stale = staleFlows(flows, frontends, nodeAddresses);
      for (const flow of stale) await this.#conntrack.forget(flow, signal);
      this.#due = false;
      this.#former = new Set();
      this.#metrics.conntrackDeleted.inc(labels, stale.length);
      this.#metrics.conntrackDuration.observe(labels, (this.#clock.monotonic() - start) / 1000);
      if (stale.length > 0)
        this.#logger.info("stale UDP flows forgotten", { family: this.#family, count: stale.length });
    } catch (err) {
      // Nothing that the next change of another Service would mend.
      if (err instanceof ProgramMissingError) this.#due = false;
      this.#logger.warn("stale UDP flows not forgotten; clients may stay with endpoints that are gone", {
        family: this.#family,
        err,
      });
    }
  }
}
