import { randomBytes } from "node:crypto";
import { addNetns, deleteNetns, type Exec, ipBatch, listNetns, netnsExec, systemExec } from "../../kernel/index.ts";
import { Peer as Process } from "../../kernel/testing/peer.ts";

/** What children of tests see. */
const environment: Readonly<Record<string, string>> = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** A process in a namespace of its own on the bridge. */
export interface Peer {
  readonly netns: string;
  readonly v4: string;
  readonly v6: string;
  readonly ask: Process["ask"];
}

/** A bridge in a namespace of its own, 10.99.0.0/16 and fd99::/64. */
export class TestNetwork implements AsyncDisposable {
  readonly environment: Readonly<Record<string, string>> = environment;
  readonly exec: Exec = systemExec(environment);
  readonly bridge: string = "br0";
  readonly name: string = `bt-proxy-${randomBytes(4).toString("hex")}`;
  readonly #processes: Process[] = [];
  readonly #namespaces: string[] = [];

  static async create(): Promise<TestNetwork> {
    const network = new TestNetwork();
    await network.#addNamespace(network.name);
    await network.run(network.name, [`link add ${network.bridge} type bridge`, `link set ${network.bridge} up`]);
    return network;
  }

  /** A namespace on the bridge, 10.99.<host> and fd99::<host>; `host` is as `1.7`. */
  async addHost(name: string, host: string): Promise<{ netns: string; v4: string; v6: string }> {
    const netns = `${this.name}-${name}`;
    const [v4, v6] = [`10.99.${host}`, `fd99::${host.replace(".", ":")}`];
    await this.#addNamespace(netns);
    await this.run(this.name, [
      `link add ${name} type veth peer name eth0 netns ${netns}`,
      `link set ${name} master ${this.bridge} up`,
    ]);
    await this.run(netns, [
      "link set lo up",
      `addr add ${v4}/16 dev eth0`,
      `addr add ${v6}/64 dev eth0 nodad`,
      "link set eth0 up",
    ]);
    return { netns, v4, v6 };
  }

  async addPeer(name: string, host: string): Promise<Peer> {
    const place = await this.addHost(name, host);
    const process = new Process(place.netns);
    this.#processes.push(process);
    return { ...place, ask: (command, args) => process.ask(command, args) };
  }

  async run(netns: string, commands: readonly string[]): Promise<void> {
    await ipBatch(netnsExec(this.exec, netns), commands, this.#options());
  }

  /** A namespace that the code under test makes or makes again; it goes with the network. */
  adopt(netns: string): void {
    this.#namespaces.push(netns);
  }

  async #addNamespace(netns: string): Promise<void> {
    await addNetns(this.exec, netns, this.#options());
    this.adopt(netns);
  }

  #options(): { signal: AbortSignal } {
    return { signal: AbortSignal.timeout(30_000) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) await process[Symbol.asyncDispose]();
    const left = await listNetns(this.exec, this.#options());
    for (const netns of this.#namespaces.filter((name) => left.includes(name)))
      await deleteNetns(this.exec, netns, this.#options());
  }
}
