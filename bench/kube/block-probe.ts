export interface LongestBlocks {
  /** For so long at most did nothing else have its turn, whatever kept the processor from us. */
  readonly wallMs: number;
  /** So long at most did this thread compute meanwhile: other load on the machine does not stretch that. */
  readonly cpuMs: number;
}

/** Measures for how long the event loop is blocked, as the time between two timers. */
export class BlockProbe implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #at = performance.now();
  #cpu = threadCpuMs();
  #wallMs = 0;
  #cpuMs = 0;

  /** Each look costs 40 us of processor time, and finds no block shorter than `everyMs`. */
  constructor(everyMs: number) {
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  /** With the block that is under way. */
  get longest(): LongestBlocks {
    this.#look();
    return { wallMs: this.#wallMs, cpuMs: this.#cpuMs };
  }

  #look(): void {
    const now = performance.now();
    const cpu = threadCpuMs();
    this.#wallMs = Math.max(this.#wallMs, now - this.#at);
    this.#cpuMs = Math.max(this.#cpuMs, cpu - this.#cpu);
    this.#at = now;
    this.#cpu = cpu;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
