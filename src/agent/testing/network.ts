import { randomBytes } from "node:crypto";
import { sleep } from "../../base/index.ts";
import { addNetns, deleteNetns, type Exec, execOk, ipBatch, netnsExec, netnsPath } from "../../kernel/index.ts";
import { Peer } from "../../kernel/testing/peer.ts";

const members = ["node", "client", "pod-1", "pod-2", "far"] as const;
/** `far` is a pod of another node. */
export type Member = (typeof members)[number];

export interface Probe {
  readonly protocol: "TCP" | "UDP";
  readonly address: string;
  readonly port: number;
  /** The address to ask from, if it is not the first one. */
  readonly from?: string;
}

const ownAddresses: Readonly<Record<Member, readonly string[]>> = {
  node: [],
  client: ["192.0.2.2", "fd00:c::2"],
  "pod-1": ["10.244.1.2", "fd00:244:1::2"],
  "pod-2": ["10.244.1.3", "fd00:244:1::3"],
  far: ["10.244.2.2", "fd00:244:2::2"],
};

/** How long what is dropped is waited for; an answer takes a millisecond. */
const timeoutMs = 2_000;
/** Who is not reached yet is tried again after this: without a route the kernel says so at once. */
const againMs = 20;

/**
 * A node with two pods behind it, a pod of another node and a client before it, each a network namespace of its own:
 * client 192.0.2.2 (and 192.0.2.130) -- 192.0.2.1 (and 192.0.2.9) node 10.244.1.1 -- br0 -- pods 10.244.1.2, 10.244.1.3;
 * node 10.244.2.1 -- far 10.244.2.2; the same with fd00::/16. The client has 203.0.113.99 and fd00:cb::99 as well, as a
 * load balancer outside would. All but the node answer on port 8080 with `name address-of-the-client`.
 */
export class Network implements AsyncDisposable {
  readonly #host: Exec;
  readonly #prefix = `bt-agent-${randomBytes(3).toString("hex")}`;
  readonly #peers = new Map<Member, Peer>();

  constructor(host: Exec) {
    this.#host = host;
  }

  exec(member: Member): Exec {
    return netnsExec(this.#host, this.name(member));
  }

  /** Of its namespace. */
  name(member: Member): string {
    return `${this.#prefix}-${member}`;
  }

  async create(signal: AbortSignal): Promise<void> {
    for (const member of members) await addNetns(this.#host, this.name(member), { signal });
    const path = (member: Member): string => netnsPath(this.name(member));
    const cable = (name: string, member: Member): string[] => [
      `link add ${name} type veth peer name eth0 netns ${path(member)}`,
      `link set ${name} up`,
    ];
    await ipBatch(
      this.exec("node"),
      [
        "link set lo up",
        "link add br0 type bridge",
        "addr add 10.244.1.1/24 dev br0",
        "addr add fd00:244:1::1/64 dev br0 nodad",
        "link set br0 up",
        ...cable("client", "client"),
        ...["192.0.2.1/24", "192.0.2.9/24"].map((address) => `addr add ${address} dev client`),
        ...["fd00:c::9/64", "fd00:c::1/64"].map((address) => `addr add ${address} dev client nodad`),
        ...cable("far", "far"),
        "addr add 10.244.2.1/24 dev far",
        "addr add fd00:244:2::1/64 dev far nodad",
        "route add 0.0.0.0/0 via 192.0.2.2",
        "route add ::/0 via fd00:c::2 src fd00:c::1",
        ...["pod-1", "pod-2"].flatMap((pod) => [
          ...cable(pod, pod as Member),
          `link set ${pod} master br0`,
          // As CNI plug-ins do: with br_netfilter a packet to oneself is turned round in the bridge.
          `link set ${pod} type bridge_slave hairpin on`,
        ]),
      ],
      { signal },
    );
    const forward = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
    // Many are refused at once here.
    const refuse = ["net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"];
    await execOk(this.exec("node"), "sysctl", ["-qw", ...forward, ...refuse], { signal });
    await this.#address("client", ["192.0.2.2/24", "192.0.2.130/24"], ["fd00:c::82/64", "fd00:c::2/64"], signal);
    const outside = ["addr add 203.0.113.99/32 dev lo", "addr add fd00:cb::99/128 dev lo nodad"];
    await ipBatch(this.exec("client"), outside, { signal });
    await this.#address("pod-1", ["10.244.1.2/24"], ["fd00:244:1::2/64"], signal);
    await this.#address("pod-2", ["10.244.1.3/24"], ["fd00:244:1::3/64"], signal);
    await this.#address("far", ["10.244.2.2/24"], ["fd00:244:2::2/64"], signal);
    for (const member of members) this.#peers.set(member, new Peer(this.name(member)));
    for (const member of members.slice(1))
      await this.#peer(member).ask("serve", { name: member, tcp: 8080, udp: 8080 });
    await Promise.all(members.slice(1).map((member) => this.#untilReached(member, signal)));
  }

  /** The kernel sees that a cable is plugged in at both ends up to a second later, and has no IPv6 routes until then. */
  async #untilReached(member: Member, signal: AbortSignal): Promise<void> {
    for (const address of ownAddresses[member])
      while ((await this.ask("node", { protocol: "TCP", address, port: 8080 })).split(" ")[0] !== member)
        await sleep(againMs, signal);
  }

  /** The node is the first address of each network. */
  async #address(member: Member, v4: readonly string[], v6: readonly string[], signal: AbortSignal): Promise<void> {
    const gateway4 = v4[0]?.replace(/\d+\/24$/, "1") ?? "";
    const gateway6 = v6[0]?.replace(/[^:]+\/64$/, "1") ?? "";
    await ipBatch(
      this.exec(member),
      [
        "link set lo up",
        ...v4.map((address) => `addr add ${address} dev eth0`),
        ...v6.map((address) => `addr add ${address} dev eth0 nodad`),
        "link set eth0 up",
        `route add 0.0.0.0/0 via ${gateway4}`,
        `route add ::/0 via ${gateway6} src ${v6.at(-1)?.replace("/64", "")}`,
      ],
      { signal },
    );
  }

  /** What answers a new connection or datagram of a member: `name address`, or an error's code. */
  async ask(member: Member, probe: Probe): Promise<string> {
    return await this.#peer(member).ask("probe", { ...probe, timeoutMs });
  }

  /** Answers on a port of every address of a member, as `ask` shows it. */
  async serve(member: Member, port: number): Promise<void> {
    await this.#peer(member).ask("serve", { name: member, tcp: port, udp: port });
  }

  /** The same over a socket that the member keeps under a name, and so from one and the same port. */
  async askAgain(member: Member, as: string, { address, port }: Omit<Probe, "protocol">): Promise<string> {
    const answer = await this.#peer(member).ask("datagram", { as, address, port, timeoutMs });
    return answer.replace("::ffff:", "");
  }

  #peer(member: Member): Peer {
    const peer = this.#peers.get(member);
    if (peer === undefined) throw new Error(`no ${member} yet`);
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers.values()) await peer[Symbol.asyncDispose]();
    const options = { signal: AbortSignal.timeout(10_000) };
    for (const member of members) await deleteNetns(this.#host, this.name(member), options).catch(() => {});
  }
}
