import { Backoff, type Clock } from "../base/index.ts";
import type { BalancerConfig, BalancerTarget, HealthCheck, TargetStatus } from "./config.ts";
import { afterProbe, type TargetHealth, unprobed } from "./health.ts";
import type { Probe } from "./probe.ts";

export interface ProberOptions {
  readonly probe: Probe;
  readonly clock: Clock;
  /** A target's state changed, or was settled for the first time. */
  readonly onChange: (target: string, health: TargetHealth) => void;
}

/** Probes each target in a loop of its own and keeps what it learned. */
export class Prober implements Disposable {
  readonly #options: ProberOptions;
  readonly #watches = new Map<string, TargetWatch>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /**
   * Watches the targets of this configuration and no others. A target that is there already keeps its state; for a
   * new one `known` holds what an earlier process found out.
   */
  update(config: BalancerConfig, known: readonly TargetStatus[] = []): void {
    const wanted = new Map(config.targets.map((target) => [target.name, target]));
    for (const [name, watch] of this.#watches) {
      if (wanted.has(name)) continue;
      watch[Symbol.dispose]();
      this.#watches.delete(name);
    }
    for (const [name, target] of wanted) {
      const address = probeAddress(target, config.addresses);
      const { health, question } = this.#watches.get(name) ?? { health: adopted(known, name), question: undefined };
      const asked = JSON.stringify([address, config.healthCheck]);
      if (question === asked) continue;
      this.#watches.get(name)?.[Symbol.dispose]();
      // Another question: the state stands until its first answer, which then counts at once.
      const start = question === undefined ? health : { ...health, settled: false, streak: 0 };
      this.#watches.set(name, new TargetWatch(name, address, config.healthCheck, start, asked, this.#options));
    }
  }

  health(target: string): TargetHealth {
    return this.#watches.get(target)?.health ?? unprobed;
  }

  /** Every target has been settled. */
  get settled(): boolean {
    return [...this.#watches.values()].every(({ health }) => health.settled);
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches.values()) watch[Symbol.dispose]();
    this.#watches.clear();
  }
}

function adopted(known: readonly TargetStatus[], name: string): TargetHealth {
  const status = known.find((target) => target.name === name);
  // One that was out is asked as if it were new, so that it comes back with its first answer.
  return status?.healthy === true ? { healthy: true, settled: true, streak: 0, reason: status.reason } : unprobed;
}

/** The family of the first address that clients use and the target has. */
function probeAddress(target: BalancerTarget, addresses: readonly string[]): string | undefined {
  for (const address of addresses) {
    const found = target.addresses.find((other) => other.includes(":") === address.includes(":"));
    if (found !== undefined) return found;
  }
  return undefined;
}

class TargetWatch implements Disposable {
  readonly question: string;
  health: TargetHealth;
  readonly #name: string;
  readonly #address: string | undefined;
  readonly #check: HealthCheck;
  readonly #options: ProberOptions;
  readonly #stop = new AbortController();
  /** A target that was never healthy is asked again soon: most likely it is only just starting. */
  readonly #eager: Backoff;
  #everHealthy: boolean;
  #timer: Disposable | undefined;

  constructor(
    name: string,
    address: string | undefined,
    check: HealthCheck,
    start: TargetHealth,
    question: string,
    options: ProberOptions,
  ) {
    this.#name = name;
    this.#address = address;
    this.#check = check;
    this.health = start;
    this.#everHealthy = start.healthy;
    this.question = question;
    this.#options = options;
    this.#eager = new Backoff({ baseMs: Math.min(100, check.intervalMs), capMs: check.intervalMs });
    void this.#round();
  }

  async #round(): Promise<void> {
    const { probe, clock, onChange } = this.#options;
    const started = clock.monotonic();
    const result =
      this.#address === undefined
        ? ({ ok: false, reason: "no address of a family that the load balancer has" } as const)
        : await probe(this.#address, this.#check, this.#stop.signal);
    if (this.#stop.signal.aborted) return;
    const before = this.health;
    this.health = afterProbe(before, result, this.#check);
    this.#everHealthy ||= this.health.healthy;
    const pause = this.#everHealthy ? this.#check.intervalMs : this.#eager.next();
    this.#timer = clock.schedule(() => void this.#round(), pause - (clock.monotonic() - started));
    if (before.healthy !== this.health.healthy || before.settled !== this.health.settled)
      onChange(this.#name, this.health);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#timer?.[Symbol.dispose]();
  }
}
