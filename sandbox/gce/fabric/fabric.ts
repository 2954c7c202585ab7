import { type Exec, ipBatch } from "../../../src/kernel/index.ts";
import type { FakeGce } from "../server.ts";

export interface FabricOptions {
  readonly gce: FakeGce;
  /** Runs programs where clients are. */
  readonly client: Exec;
  /** The addresses of each machine on the clients' network, by its name. */
  readonly machines: ReadonlyMap<string, readonly string[]>;
}

/**
 * The network of Google Cloud as a client sees it: what is sent to a load balancer arrives, unchanged, at one of the
 * machines that its rules, groups and probes say, and the machine answers the client directly.
 */
export class Fabric {
  readonly #options: FabricOptions;
  #routed: readonly string[] = [];

  constructor(options: FabricOptions) {
    this.#options = options;
  }

  /** Follows what there is; returns the machines that get what is sent to each address. */
  async follow(signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
    const { gce, client } = this.#options;
    const paths = await gce.paths();
    const served = [...paths].filter(([, names]) => names.length > 0);
    const gone = this.#routed.filter((vip) => !served.some(([other]) => other === vip));
    const commands = [
      ...gone.map((vip) => `route del ${prefixOf(vip)}`),
      ...served.map(([vip, names]) => `route replace ${prefixOf(vip)} ${this.#hops(vip, names)}`),
    ];
    await ipBatch(client, commands, { signal });
    this.#routed = served.map(([vip]) => vip);
    return paths;
  }

  #hops(vip: string, names: readonly string[]): string {
    const isV6 = vip.includes(":");
    const addresses = names.flatMap((name) => this.#options.machines.get(name) ?? []);
    return addresses
      .filter((address) => address.includes(":") === isV6)
      .map((address) => `nexthop via ${address}`)
      .join(" ");
  }
}

function prefixOf(vip: string): string {
  return `${vip}/${vip.includes(":") ? 128 : 32}`;
}
