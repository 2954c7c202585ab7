import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { execOk, netnsExec, netnsPath } from "../../kernel/index.ts";
import {
  type BalancerConfig,
  type BalancerStatus,
  parseBalancerStatus,
  renderBalancerConfig,
  textHash,
} from "../config.ts";
import { eventually } from "./eventually.ts";
import { type Peer, TestNetwork } from "./network.ts";

const main = join(import.meta.dirname, "../../cli/main.ts");

/** A client, the nodes `a` and `b`, and a namespace for a balancer between them. */
export class Stage implements AsyncDisposable {
  readonly address = "10.99.0.5";
  readonly address6 = "fd99::5";
  readonly network: TestNetwork;
  readonly directory: string;
  readonly client: Peer;
  readonly nodes: readonly Peer[];
  /** What was put last. */
  config: BalancerConfig;
  /** Where balancers look for programs. */
  path: string;
  readonly #balancers: ChildProcess[] = [];

  private constructor(network: TestNetwork, directory: string, client: Peer, nodes: readonly Peer[]) {
    this.network = network;
    this.directory = directory;
    this.client = client;
    this.nodes = nodes;
    this.path = network.environment["PATH"] ?? "";
    this.config = {
      addresses: [this.address, this.address6],
      ports: [
        { protocol: "TCP", port: 80, nodePort: 30_080 },
        { protocol: "UDP", port: 53, nodePort: 30_053 },
      ],
      targets: nodes.map(({ v4, v6 }, i) => ({ name: nodeNames[i] ?? "", addresses: [v4, v6] })),
      healthCheck: {
        port: 10_256,
        path: "/healthz",
        intervalMs: 100,
        timeoutMs: 1000,
        unhealthyAfter: 2,
        healthyAfter: 1,
      },
      sourceRanges: [],
      sessionAffinity: { kind: "None" },
      drainSeconds: 300,
    };
  }

  static async create(): Promise<Stage> {
    const network = await TestNetwork.create();
    const directory = await mkdtemp(join(tmpdir(), "berth-balancer-"));
    const client = await network.addPeer("client", "1.1");
    const nodes: Peer[] = [];
    for (const [i, name] of nodeNames.entries()) {
      const node = await network.addPeer(`node-${name}`, `2.${i + 1}`);
      await node.ask("serve", { name, tcp: 30_080, udp: 30_053, health: 10_256 });
      nodes.push(node);
    }
    await network.addHost("lb", "0.5");
    const stage = new Stage(network, directory, client, nodes);
    await stage.#tee("1", "ipv4/ip_forward", "ipv6/conf/all/forwarding");
    await stage.#tee("0", "ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit");
    return stage;
  }

  /** The namespace of the balancer. */
  get netns(): string {
    return `${this.network.name}-lb`;
  }

  start(...flags: readonly string[]): ChildProcess {
    const berth = [process.execPath, main, "balancer", "--state-dir", this.directory, ...flags];
    const balancer = spawn("nsenter", [`--net=${netnsPath(this.netns)}`, "--", ...berth], {
      stdio: "ignore",
      env: { PATH: this.path },
    });
    this.#balancers.push(balancer);
    return balancer;
  }

  /** Starts another balancer, whose predecessor has ended; resolves when it works. */
  async startAgain(): Promise<ChildProcess> {
    await rm(join(this.directory, "pid"));
    const balancer = this.start();
    await eventually(() => readFile(join(this.directory, "pid")));
    return balancer;
  }

  async status(): Promise<BalancerStatus | undefined> {
    return parseBalancerStatus(await readFile(join(this.directory, "status.json"), "utf8").catch(() => ""));
  }

  async put(next: BalancerConfig): Promise<void> {
    this.config = next;
    await writeFile(join(this.directory, "config.tmp"), renderBalancerConfig(next));
    await rename(join(this.directory, "config.tmp"), join(this.directory, "config.json"));
  }

  async inForce(): Promise<void> {
    const hash = textHash(renderBalancerConfig(this.config));
    await eventually(async () => expect((await this.status())?.applied).toBe(hash));
  }

  async healthy(names: readonly string[]): Promise<void> {
    await eventually(async () =>
      expect((await this.status())?.targets.filter((t) => t.healthy).map((t) => t.name)).toEqual(names),
    );
  }

  async greetings(count: number, to: string = this.address): Promise<string[]> {
    const all: string[] = [];
    for (let i = 0; i < count; i++) all.push(await this.client.ask("connect", { address: to, port: 80 }));
    return all;
  }

  /** Opens connections until one is with this node; returns what it is called. */
  async connectionTo(name: string): Promise<string> {
    for (let i = 0; ; i++) {
      const as = `${name}${i}`;
      if ((await this.client.ask("open", { as, address: this.address, port: 80 })).startsWith(name)) return as;
    }
  }

  rules(): Promise<string> {
    return netnsExec(this.network.exec, this.netns)
      .run("nft", ["-a", "list", "ruleset"], { signal: AbortSignal.timeout(10_000) })
      .then(({ stdout }) => stdout);
  }

  async #tee(value: string, ...switches: readonly string[]): Promise<void> {
    const paths = switches.map((name) => `/proc/sys/net/${name}`);
    const options = { signal: AbortSignal.timeout(10_000), stdin: value };
    await execOk(netnsExec(this.network.exec, this.netns), "tee", paths, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const balancer of this.#balancers) balancer.kill("SIGKILL");
    await this.network[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true });
  }
}

const nodeNames = ["a", "b"] as const;

/** The names that the greetings begin with, each once. */
export function namesIn(greetings: readonly string[]): string[] {
  return [...new Set(greetings.map((greeting) => greeting.replace(/ .*/, "")))].sort();
}
