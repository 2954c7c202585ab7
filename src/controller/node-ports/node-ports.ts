import { objectKey, type Service } from "../../api/index.ts";
import type { Store } from "../../kube/index.ts";
import { assignNodePorts, type ClassPolicy, dynamicBand, type NodePortsPolicy } from "../../model/index.ts";
import { formatPortRange, type PortRange, portRangeContains } from "../../net/index.ts";
import type { Capabilities } from "../../provider/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { Finding } from "../status/conditions.ts";
import type { Reporter } from "../status/reporter.ts";
import { ensuringPatch, leavingPatch } from "./ours.ts";
import { outOfRange, type Refusal, refusalOf, whyRefusedPort } from "./refusal.ts";

export interface NodePortSettings {
  /** For classes that say nothing of it. */
  readonly policy: NodePortsPolicy["policy"];
  /** `--service-node-port-range` of kube-apiserver, which it does not tell. */
  readonly range: PortRange;
}

export interface NodePortsOptions extends NodePortSettings {
  readonly services: Pick<Store<Service>, "list">;
  readonly reporter: Pick<Reporter, "amend" | "current">;
  readonly logger: Logger;
}

export type Settled =
  | { readonly kind: "asWanted" }
  /** The Service was written to: whoever reads it on must read it anew. */
  | { readonly kind: "changed" }
  | { readonly kind: "hindered"; readonly programmed: Finding; readonly retryMs: number };

/** Numbers that are asked for at one time: more in a row are not in use by chance. */
const maxTries = 16;
const soonMs = 10_000;
/** Only other Services can help, of which nobody tells. */
const freedMs = 60_000;
/** Only a person can help. */
const personMs = 300_000;

/** Sees to it that Services have the node ports that their class wants, and takes back those that it does not. */
export class NodePorts {
  readonly #options: NodePortsOptions;
  /** In use, says the API server, though we see no Service that has them; forgotten when there is nothing else left. */
  readonly #refused = new Set<number>();

  constructor(options: NodePortsOptions) {
    this.#options = options;
  }

  /** Whether Services of the class get from us the node ports that they lack. */
  ensures({ nodePorts }: ClassPolicy, { needsNodePorts }: Capabilities): boolean {
    return needsNodePorts && (nodePorts?.policy ?? this.#options.policy) === "Ensure";
  }

  async settle(service: Service, policy: ClassPolicy, can: Capabilities, signal: AbortSignal): Promise<Settled> {
    if (this.ensures(policy, can)) return await this.#ensure(service, policy, signal);
    return { kind: (await this.leave(service, signal)) ? "changed" : "asWanted" };
  }

  /** Takes away what we set; whether there was any. That it may not be is no reason to keep a Service. */
  async leave(service: Service, signal: AbortSignal): Promise<boolean> {
    const { reporter } = this.#options;
    const current = reporter.current(service);
    const patch = current === undefined ? undefined : leavingPatch(current);
    if (current === undefined || patch === undefined) return false;
    const refusal = await this.#write(current, patch, signal);
    if (refusal === undefined) return true;
    this.#warn(current, refusal);
    return false;
  }

  async #ensure(service: Service, { nodePorts }: ClassPolicy, signal: AbortSignal): Promise<Settled> {
    const current = this.#options.reporter.current(service);
    if (current === undefined) return { kind: "asWanted" };
    const { range } = this.#options;
    const band = nodePorts?.band === undefined ? dynamicBand(range) : asRange(nodePorts.band);
    const within = portRangeContains(range, band.first) && portRangeContains(range, band.last);
    if (!within && current.spec?.ports?.some(({ nodePort = 0 }) => nodePort === 0) === true)
      return hindered(outOfRange(`the band ${formatPortRange(band)}`, formatPortRange(range)), personMs);
    for (let tries = 0; tries < maxTries; tries++) {
      const given = assignNodePorts({ service: current, band, taken: this.#taken(), refused: this.#refused });
      if (given === "exhausted") return this.#exhausted(band);
      const patch = ensuringPatch(current, given);
      if (patch === undefined) return { kind: "asWanted" };
      const refusal = await this.#write(current, patch, signal);
      if (refusal === undefined) return { kind: "changed" };
      if (given.size === 0) {
        this.#warn(current, refusal);
        return { kind: "asWanted" };
      }
      if (refusal.kind === "any") throw refusal.error;
      if (refusal.kind === "outOfRange")
        return hindered(outOfRange(`node port ${refusal.nodePort}`, refusal.ports), personMs);
      this.#refused.add(refusal.nodePort);
    }
    const message = `${maxTries} node ports one after the other are in use, though no Service is seen to have them`;
    return hindered({ status: false, reason: "NodePortsInUse", message }, soonMs);
  }

  #exhausted(band: PortRange): Settled {
    this.#refused.clear();
    const message = `every node port of ${formatPortRange(band)} is in use; give the class a wider band, or remove Services`;
    return hindered({ status: false, reason: "NodePortBandExhausted", message }, freedMs);
  }

  async #write(service: Service, patch: object, signal: AbortSignal): Promise<Refusal | undefined> {
    const { reporter, logger } = this.#options;
    try {
      await reporter.amend(service, patch, signal);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      return refusal;
    }
    logger.info("node ports changed", { service: objectKey(service.metadata), what: JSON.stringify(patch) });
    return undefined;
  }

  /** It only lists what is no longer ours, and harms nobody. */
  #warn({ metadata }: Service, refusal: Refusal): void {
    const why = whyRefusedPort(refusal);
    this.#options.logger.warn("list of node ports is not up to date", { service: objectKey(metadata), why });
  }

  #taken(): ReadonlySet<number> {
    return new Set(
      this.#options.services
        .list()
        .flatMap(({ spec }) => [...(spec?.ports ?? []).map(({ nodePort }) => nodePort), spec?.healthCheckNodePort])
        .filter((number) => number !== undefined),
    );
  }
}

function hindered(programmed: Finding, retryMs: number): Settled {
  return { kind: "hindered", programmed, retryMs };
}

function asRange({ from, to }: NonNullable<NodePortsPolicy["band"]>): PortRange {
  return { first: from, last: to };
}
