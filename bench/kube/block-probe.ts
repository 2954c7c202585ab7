import { setTimeout } from "node:timers/promises";

export interface LongestBlocks {
  /** For so long nothing else had its turn, whatever kept the processor from us. */
  readonly wallMs: number;
  /** So long did this thread compute meanwhile: what other load on the machine does not stretch. */
  readonly cpuMs: number;
}

const everyMs = 1;

/** Measures for how long the event loop is blocked: the time between two timers of 1 ms, less that. */
export class BlockProbe {
  #wallMs = 0;
  #cpuMs = 0;
  #at = performance.now();
  #cpu = threadCpuMs();

  constructor() {
    setInterval(() => this.#tick(), everyMs).unref();
  }

  /** The longest since they were last taken, with the one that is under way. */
  async take(): Promise<LongestBlocks> {
    await setTimeout(2 * everyMs);
    const longest = { wallMs: this.#wallMs, cpuMs: this.#cpuMs };
    this.#wallMs = 0;
    this.#cpuMs = 0;
    return longest;
  }

  #tick(): void {
    const now = performance.now();
    const cpu = threadCpuMs();
    this.#wallMs = Math.max(this.#wallMs, now - this.#at - everyMs);
    this.#cpuMs = Math.max(this.#cpuMs, cpu - this.#cpu);
    this.#at = now;
    this.#cpu = cpu;
  }
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
