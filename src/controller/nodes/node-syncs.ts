import type { Clock } from "../../base/index.ts";
import type { ControllerMetrics } from "../metrics.ts";

type Instruments = Pick<ControllerMetrics, "nodeSyncErrors" | "nodeSyncLatency" | "hostUpdateLatency">;

/** Measures what follows from changes of nodes, as upstream's service controller does. */
export class NodeSyncs {
  readonly #metrics: Instruments;
  readonly #clock: Clock;
  /** Services that have not been looked at since nodes changed. */
  readonly #due = new Set<string>();
  #working = 0;
  #begunAt = 0;

  constructor(metrics: Instruments, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** Nodes changed for this Service. */
  note(key: string): void {
    if (this.#isOver) this.#begunAt = this.#clock.monotonic();
    this.#due.add(key);
  }

  /** Looks at a Service, whatever for. */
  async measure<T>(key: string, look: () => Promise<T>): Promise<T> {
    if (!this.#due.delete(key)) return await look();
    const { nodeSyncErrors, nodeSyncLatency, hostUpdateLatency } = this.#metrics;
    const begunAt = this.#clock.monotonic();
    this.#working++;
    try {
      return await look();
    } catch (error) {
      nodeSyncErrors.inc();
      throw error;
    } finally {
      this.#working--;
      hostUpdateLatency.observe(this.#secondsSince(begunAt));
      if (this.#isOver) nodeSyncLatency.observe(this.#secondsSince(this.#begunAt));
    }
  }

  get #isOver(): boolean {
    return this.#due.size === 0 && this.#working === 0;
  }

  #secondsSince(at: number): number {
    return (this.#clock.monotonic() - at) / 1000;
  }
}
