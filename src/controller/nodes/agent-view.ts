import { agentNode, type Lease, reportAnnotation } from "../../api/index.ts";
import { type Clock, sameData } from "../../base/index.ts";
import type { Store } from "../../kube/index.ts";
import { parseReport, type ReportedLoss, reportedLosses } from "../../model/index.ts";

/** Whether the agent of a node lives; unknown until its first sign of life that we have seen ourselves. */
export type AgentState = "alive" | "unknown" | "silent";

export interface AgentListener {
  /** An agent has another state. */
  stateChanged(): void;
  /** A node serves more or less of a Service. */
  reportChanged(service: string): void;
}

interface Agent {
  readonly state: AgentState;
  readonly renewTime: string | undefined;
  /** When it was seen last, on our own clock: those of nodes are not trusted. */
  readonly seenAt: number;
  readonly report: string | undefined;
  /** By Service. */
  readonly losses: ReadonlyMap<string, readonly ReportedLoss[]>;
}

/** So long after its last sign of life an agent counts as silent; it gives one every 10 s. */
const silentAfterMs = 40_000;
const nothing: ReadonlyMap<string, readonly ReportedLoss[]> = new Map();

/** The agents of the nodes, as their Leases show them. A mere renewal is nothing that anybody hears of. */
export class AgentView implements Disposable {
  readonly #listener: AgentListener;
  readonly #clock: Clock;
  readonly #agents = new Map<string, Agent>();
  readonly #subscription: Disposable;
  #timer: Disposable | undefined;

  constructor(leases: Store<Lease>, listener: AgentListener, clock: Clock) {
    this.#listener = listener;
    this.#clock = clock;
    this.#subscription = leases.subscribe({
      add: (lease, initial) => this.#see(lease, initial ? "unknown" : "alive"),
      update: (_, lease) => this.#see(lease, "alive"),
      delete: (lease) => this.#forget(lease),
    });
  }

  state(node: string): AgentState {
    return this.#agents.get(node)?.state ?? "silent";
  }

  /** Whether there is an agent anywhere. */
  get any(): boolean {
    return this.#agents.values().some(({ state }) => state !== "silent");
  }

  /** What the node says that it does not serve of a Service. */
  losses(node: string, service: string): readonly ReportedLoss[] {
    return this.#agents.get(node)?.losses.get(service) ?? [];
  }

  #see({ metadata, spec }: Lease, state: AgentState): void {
    const node = agentNode(metadata.name ?? "");
    if (node === undefined) return;
    const before = this.#agents.get(node);
    const renewTime = spec?.renewTime;
    const isSign = before === undefined || renewTime !== before.renewTime;
    const report = metadata.annotations?.[reportAnnotation];
    const after: Agent = {
      state: isSign ? state : before.state,
      renewTime,
      seenAt: isSign ? this.#clock.monotonic() : before.seenAt,
      report,
      losses: before !== undefined && report === before.report ? before.losses : lossesOf(report),
    };
    this.#agents.set(node, after);
    this.#watch();
    if (after.state !== before?.state) this.#listener.stateChanged();
    this.#tellDifferences(before?.losses ?? nothing, after.losses);
  }

  #forget({ metadata }: Lease): void {
    const node = agentNode(metadata.name ?? "");
    const before = this.#agents.get(node ?? "");
    if (node === undefined || before === undefined) return;
    this.#agents.delete(node);
    this.#listener.stateChanged();
    this.#tellDifferences(before.losses, nothing);
  }

  #tellDifferences(before: Agent["losses"], after: Agent["losses"]): void {
    if (before === after) return;
    for (const service of new Set([...before.keys(), ...after.keys()]))
      if (!sameData(before.get(service), after.get(service))) this.#listener.reportChanged(service);
  }

  /** One timer for all: at the earliest time at which one may have become silent. */
  #watch(): void {
    if (this.#timer !== undefined) return;
    const seen = [...this.#agents.values()].filter(({ state }) => state !== "silent").map(({ seenAt }) => seenAt);
    if (seen.length === 0) return;
    const delayMs = Math.min(...seen) + silentAfterMs - this.#clock.monotonic();
    this.#timer = this.#clock.schedule(() => this.#expire(), delayMs);
  }

  #expire(): void {
    this.#timer = undefined;
    const limit = this.#clock.monotonic() - silentAfterMs;
    let changed = false;
    for (const [node, agent] of this.#agents) {
      if (agent.state === "silent" || agent.seenAt > limit) continue;
      this.#agents.set(node, { ...agent, state: "silent" });
      changed = true;
    }
    this.#watch();
    if (changed) this.#listener.stateChanged();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
  }
}

function lossesOf(report: string | undefined): Agent["losses"] {
  return report === undefined ? nothing : Map.groupBy(reportedLosses(parseReport(report)), ({ service }) => service);
}
