import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { usageOf } from "../../bench/proc.ts";
import { podNetns } from "../../sandbox/cluster/address-plan.ts";
import type { Program, Sandbox, SandboxNode } from "../../sandbox/cluster/index.ts";
import { execOk } from "../../src/kernel/index.ts";
import type { Family } from "../../src/net/index.ts";
import { eventually, startCluster } from "../scenarios/cluster.ts";
import { NamespaceClient } from "./client.ts";
import { collectBalancers, collectCluster, collectNode } from "./collect.ts";
import type { Driver, Footprint, Part } from "./driver.ts";
import { startClient } from "./pods.ts";

const patienceMs = 60_000;
const health = "http://127.0.0.1:10256/healthz";
const lease = [
  "get",
  "lease",
  "berth-controller",
  "--namespace=kube-system",
  "--output=jsonpath={.spec.holderIdentity}",
];

/** The sandbox's cluster, in which one controller runs both providers. */
export class SandboxDriver implements Driver {
  readonly name = "sandbox";
  readonly families: readonly Family[] = ["IPv4", "IPv6"];
  readonly nodes: readonly SandboxNode[];
  readonly inside: NamespaceClient;
  readonly outside: NamespaceClient;
  readonly release: undefined;
  readonly power: undefined;
  readonly footprint: Footprint;
  readonly #sandbox: Sandbox;

  private constructor(sandbox: Sandbox, addresses: readonly string[]) {
    this.#sandbox = sandbox;
    this.nodes = sandbox.nodes;
    this.inside = new NamespaceClient({
      netns: podNetns(sandbox.id, { namespace: "default", name: "client" }),
      addresses,
    });
    this.outside = new NamespaceClient(sandbox.client);
    this.footprint = { measure: () => this.#measure() };
  }

  static async start(): Promise<SandboxDriver> {
    const sandbox = await startCluster();
    try {
      await startClient((args, stdin) => sandbox.kubectl(args, stdin), sandbox.nodes[0]?.name ?? "");
      const ips = await sandbox.kubectl(["get", "pod", "client", "--output=jsonpath={.status.podIPs[*].ip}"]);
      return new SandboxDriver(sandbox, ips.split(" "));
    } catch (error) {
      await sandbox[Symbol.asyncDispose]();
      throw error;
    }
  }

  async kubectl(args: readonly string[], stdin = ""): Promise<string> {
    return await this.#sandbox.kubectl(args, stdin);
  }

  async restart(part: Part): Promise<void> {
    switch (part.what) {
      case "controller":
      case "proxy controller":
        return await this.#restartController();
      case "agent":
        return await this.#restartAgent(this.#node(part.node));
      case "apiserver":
      case "kubelet":
        throw new Error(`the sandbox cannot restart ${part.what}`);
    }
  }

  async rules(node: string): Promise<string> {
    return await this.#onNode(node, "iptables-save", []);
  }

  async collect(folder: string): Promise<void> {
    await collectCluster((args) => this.kubectl(args), folder);
    for (const { name } of this.nodes)
      await collectNode((program, args) => this.#onNode(name, program, args), folder, name);
    await collectBalancers(join(this.#sandbox.runDir, "balancers"), folder);
    await mkdir(join(folder, "processes"), { recursive: true });
    const { apiserver, controller } = this.#sandbox;
    for (const { name, logPath } of [apiserver, controller, ...this.nodes.map(({ agent }) => agent)])
      await copyFile(logPath, join(folder, "processes", `${name}.log`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox[Symbol.asyncDispose]();
  }

  async #measure(): Promise<string> {
    const { nodes, controller } = this.#sandbox;
    const resident = ({ pid = 0 }: Program): string => `${Math.round(usageOf(pid).residentBytes / 2 ** 20)} MiB`;
    return `resident memory: agents ${nodes.map(({ agent }) => resident(agent)).join(", ")}, controller ${resident(controller)}`;
  }

  /** It gives its Lease back when it ends, and works as soon as it has it again. */
  async #restartController(): Promise<void> {
    await this.#sandbox.controller.stop();
    await this.#sandbox.controller.start();
    await eventually(async () => {
      if ((await this.kubectl(lease)) === "") throw new Error("no controller leads");
    });
  }

  async #restartAgent({ agent, exec }: SandboxNode): Promise<void> {
    await agent.stop();
    await agent.start();
    await eventually(() => execOk(exec, "curl", ["-sf", health], { signal: AbortSignal.timeout(patienceMs) }));
  }

  #node(name: string): SandboxNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  async #onNode(node: string, program: string, args: readonly string[]): Promise<string> {
    return await execOk(this.#node(node).exec, program, args, { signal: AbortSignal.timeout(patienceMs) });
  }
}
