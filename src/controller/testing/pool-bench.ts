import { type IPAddressPool, ipAddressPools } from "../../api/index.ts";
import { Bench, type BenchOptions, type Running } from "./bench.ts";

/** An API server that serves pools, and controllers that are given none by flag. */
export class PoolBench extends Bench {
  override start(options: BenchOptions = {}): Running {
    return super.start({ pool: [], ...options });
  }

  /** Makes or changes a pool; `day` is when it was made. */
  pool(name: string, spec: IPAddressPool["spec"], day = 1): void {
    const { status } = this.poolOf(name) ?? {};
    const metadata = { name, uid: `uid-${name}`, creationTimestamp: `2026-01-0${day}T00:00:00Z` };
    this.api.put(ipAddressPools, { metadata, spec, ...(status === undefined ? {} : { status }) });
  }

  poolOf(name: string): IPAddressPool | undefined {
    return this.api.object(ipAddressPools, name);
  }

  /** `2 used, 4 free, Conflict Disabled`. */
  usage(name: string): string {
    const { used, free, conditions = [] } = this.poolOf(name)?.status ?? {};
    const raised = conditions.filter(({ status }) => status === "True").map(({ type }) => type);
    return [`${used} used`, `${free} free`, ...raised].join(", ");
  }

  get poolWrites(): number {
    return this.api.writes.filter((text) => text.startsWith("ipaddresspools/")).length;
  }

  /** More than the time that statuses of pools wait. */
  async second(): Promise<void> {
    await this.settled();
    this.clock.advance(1001);
    await this.settled();
  }

  async waits(name: string, reason: string): Promise<void> {
    await this.until(() => this.condition(name, "programmed") === `False ${reason}`, `${name}: ${reason}`);
    await this.settled();
  }

  async refused(name: string, reason: string): Promise<void> {
    await this.until(() => this.condition(name, "accepted") === `False ${reason}`, `${name}: ${reason}`);
    await this.settled();
  }
}
