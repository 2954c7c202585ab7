import { applyNft, type Exec } from "../../../src/kernel/index.ts";
import type { FakeAws } from "../fake-aws.ts";
import { type Path, pathsOf } from "./paths.ts";

export interface FabricOptions {
  readonly aws: FakeAws;
  /** Runs programs where clients are. */
  readonly client: Exec;
  /** The address of each instance on the clients' network, by its ID. */
  readonly instances: ReadonlyMap<string, string>;
  /** For load balancers: `172.30.210.` */
  readonly addresses: string;
}

const table = "inet sandbox-aws";

/**
 * The network of AWS as a client sees it: names that lead to an address of a load balancer in each zone where it serves
 * anybody, and what is sent there arrives at one of the targets that the listeners, groups and checks say, from the
 * client's own address. Only what is let in gets through.
 */
export class Fabric {
  readonly #options: FabricOptions;
  /** By name and zone. */
  readonly #addresses = new Map<string, string>();

  constructor(options: FabricOptions) {
    this.#options = options;
  }

  /** Follows what there is; returns it. */
  async follow(signal: AbortSignal): Promise<readonly Path[]> {
    const paths = await pathsOf(this.#options.aws.look());
    const rules = paths.flatMap((path) => this.#rule(path)).join("\n    ");
    const chain = `chain clients {\n    type nat hook output priority -100;\n    ${rules}\n  }`;
    const ruleset = `add table ${table}\ndelete table ${table}\ntable ${table} {\n  ${chain}\n}\n`;
    await applyNft(this.#options.client, ruleset, { signal });
    return paths;
  }

  /** What a name stands for at this moment. */
  async resolve(hostname: string): Promise<readonly string[]> {
    const paths = await pathsOf(this.#options.aws.look());
    const found = paths.filter((path) => path.hostname === hostname).map((path) => this.#address(path));
    return [...new Set(found)].sort();
  }

  #rule(path: Path): readonly string[] {
    const { instances } = this.#options;
    const sources = path.sources.filter((source) => !source.includes(":"));
    const targets = path.targets.map(({ instance, port }, i) => `${i} : ${instances.get(instance)} . ${port}`);
    const to = `numgen random mod ${targets.length} map { ${targets.join(", ")} }`;
    const port = `${path.protocol} dport ${path.port}`;
    return sources.map((source) => `ip saddr ${source} ip daddr ${this.#address(path)} ${port} dnat ip to ${to}`);
  }

  #address({ hostname, zone }: Path): string {
    const key = `${hostname} ${zone}`;
    const known = this.#addresses.get(key) ?? `${this.#options.addresses}${this.#addresses.size + 1}`;
    this.#addresses.set(key, known);
    return known;
  }
}
