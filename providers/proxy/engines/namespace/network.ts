import { access } from "node:fs/promises";
import {
  addNetns,
  deleteNetns,
  type Exec,
  execOk,
  findLink,
  ipBatch,
  netnsExec,
  netnsPath,
} from "../../../../src/kernel/index.ts";
import type { Cidr } from "../../../../src/net/index.ts";
import { ProviderError } from "../../../../src/provider/index.ts";
import { innerInterface, type Names } from "../../names.ts";
import type { NetworkState } from "../../observation.ts";

/** The bridge that load balancers, nodes and clients meet on. */
export interface Network {
  /** The namespace that the bridge is in; undefined for our own. */
  readonly netns: string | undefined;
  readonly bridge: string;
  /** Networks on the bridge: they give an address its prefix length. */
  readonly prefixes: readonly Cidr[];
}

const inner = innerInterface;

type Link = Awaited<ReturnType<typeof findLink>>;

/** Makes and takes away the namespace of a load balancer and its cable to the bridge. */
export class Cabling {
  readonly #reads: Exec;
  readonly #writes: Exec;
  readonly #network: Network;

  /** `reads` runs the programs that only look, `writes` those that change something. */
  constructor(reads: Exec, writes: Exec, network: Network) {
    this.#reads = reads;
    this.#writes = writes;
    this.#network = network;
  }

  async observe({ netns, port }: Names, signal: AbortSignal): Promise<NetworkState | undefined> {
    if (!(await exists(netns))) return undefined;
    const [link, plug] = await this.#links(netns, port, signal);
    const plugged = link?.up === true && plug?.up === true && plug.master === this.#network.bridge;
    return {
      announced: plugged ? link.mac : undefined,
      addresses: globalAddresses(link),
    };
  }

  /**
   * Makes what lacks; false while the kernel has not joined both ends yet. Setting the hardware address comes last: it
   * tells the neighbours, and it is how an unfinished run is recognised.
   */
  async connect(names: Names, addresses: readonly string[], mac: string, signal: AbortSignal): Promise<boolean> {
    const { netns, port } = names;
    if (!(await exists(netns))) await addNetns(this.#writes, netns, { signal });
    const inside = netnsExec(this.#writes, netns);
    const [link, plug] = await this.#links(netns, port, signal);
    // The end of a cable whose other end went with an earlier namespace of this name.
    const loose = link === undefined && plug !== undefined ? [`link delete ${port}`] : [];
    const cable = link === undefined ? [`link add ${port} type veth peer name ${inner} netns ${netns}`] : [];
    await this.#plug([...loose, ...cable], port, signal);
    const unwanted = globalAddresses(link).filter((address) => !addresses.includes(address));
    await allOf([
      ...switches.map((setting) => set(inside, setting, signal)),
      ipBatch(
        inside,
        [
          "link set lo up",
          ...unwanted.map((address) => `addr del ${address} dev ${inner}`),
          ...addresses.map((address) => `addr replace ${address} dev ${inner}${address.includes(":") ? " nodad" : ""}`),
          `link set ${inner} up`,
        ],
        { signal },
      ),
    ]);
    if (!(await this.#joined(netns, port, signal))) return false;
    await ipBatch(inside, [`link set ${inner} address ${mac}`], { signal });
    return true;
  }

  async disconnect({ netns, port }: Names, signal: AbortSignal): Promise<void> {
    // With the name alone gone, the kernel would take the cable away only some time later.
    if ((await findLink(this.#outside(this.#reads), port, { signal })) !== undefined)
      await ipBatch(this.#outside(this.#writes), [`link delete ${port}`], { signal });
    if (await exists(netns)) await deleteNetns(this.#writes, netns, { signal });
  }

  async #plug(cable: readonly string[], port: string, signal: AbortSignal): Promise<void> {
    const { bridge } = this.#network;
    try {
      await ipBatch(this.#outside(this.#writes), [...cable, `link set ${port} master ${bridge} up`], { signal });
    } catch (cause) {
      if ((await findLink(this.#outside(this.#reads), bridge, { signal })) !== undefined) throw cause;
      const remedy = "make the bridge, or name the right one with --proxy-bridge";
      const fault = { kind: "blocked", reason: "BridgeMissing", remedy } as const;
      throw new ProviderError(fault, missingBridge(this.#network), { cause });
    }
  }

  /** Before that, what is sent is lost without a sign. */
  async #joined(netns: string, port: string, signal: AbortSignal): Promise<boolean> {
    const [link, plug] = await this.#links(netns, port, signal);
    return link?.operational === true && plug?.portState === "forwarding";
  }

  /** Both ends of the cable. */
  #links(netns: string, port: string, signal: AbortSignal): Promise<[Link, Link]> {
    return Promise.all([
      findLink(netnsExec(this.#reads, netns), inner, { signal }),
      findLink(this.#outside(this.#reads), port, { signal }),
    ]);
  }

  #outside(exec: Exec): Exec {
    const { netns } = this.#network;
    return netns === undefined ? exec : netnsExec(exec, netns);
  }
}

interface Setting {
  readonly value: string;
  readonly names: readonly string[];
}

const switches: readonly Setting[] = [
  {
    value: "1",
    names: [
      "ipv4/ip_forward",
      "ipv6/conf/all/forwarding",
      // Tell the neighbours when the hardware address is set.
      `ipv4/conf/${inner}/arp_notify`,
      `ipv6/conf/${inner}/ndisc_notify`,
    ],
  },
  // Every refusal is told. By default a client gets one ICMP error a second, and redirects (which the balancer keeps
  // to itself) count, so that a client that was just served would not hear of a refusal.
  { value: "0", names: ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] },
];

async function set(inside: Exec, { value, names }: Setting, signal: AbortSignal): Promise<void> {
  const paths = names.map((name) => `/proc/sys/net/${name}`);
  await execOk(inside, "tee", paths, { signal, stdin: value });
}

/** Waits for all, also when one fails: nothing may go on behind the back of the next attempt. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Says which bridge is not there. */
export function missingBridge({ netns, bridge }: Network): string {
  return `there is no interface ${bridge} in ${netns === undefined ? "our network namespace" : `the namespace ${netns}`}`;
}

function globalAddresses(link: Link): readonly string[] {
  return (link?.addresses ?? [])
    .filter(({ scope }) => scope === "global")
    .map(({ address, prefix }) => `${address}/${prefix}`)
    .sort();
}

function exists(netns: string): Promise<boolean> {
  return access(netnsPath(netns)).then(
    () => true,
    () => false,
  );
}
