import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bridge } from "../../sandbox/cluster/address-plan.ts";
import { balancerDir } from "../../sandbox/cluster/registry.ts";
import { runMark } from "../../sandbox/cluster/sweep.ts";
import { execOk, netnsPath } from "../../src/kernel/index.ts";
import type { Family } from "../../src/net/index.ts";
import { Child } from "../contract/child.ts";
import { type ImageMaker, RealCluster, valuesFor } from "../real/cluster.ts";
import { coldStarts } from "../real/cold-start.ts";
import { measure } from "../real/footprint.ts";
import type { RealNode } from "../real/node.ts";
import { ContainerClient, NamespaceClient, podContainer } from "./client.ts";
import { collectBalancers, collectCluster, collectNode, explained } from "./collect.ts";
import type { Driver, Footprint, Part, Power, Release } from "./driver.ts";
import { installBerth, restartAgent, restartController, startClient } from "./pods.ts";
import { ProxyController } from "./proxy-controller.ts";

const families: readonly Family[] = ["IPv4", "IPv6"];
const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const { signal } = new AbortController();

/**
 * A cluster of upstream's programs with Berth as the chart installs it, and beside it a controller of the provider
 * `proxy`, as users of kind run it.
 */
export class RealDriver implements Driver {
  readonly name = "real";
  readonly families: readonly Family[] = families;
  readonly nodes: readonly RealNode[];
  readonly inside: ContainerClient;
  readonly outside: NamespaceClient;
  readonly release: Release;
  readonly power: Power;
  readonly footprint: Footprint;
  readonly cluster: RealCluster;
  readonly #proxyController: ProxyController;

  private constructor(cluster: RealCluster) {
    this.cluster = cluster;
    this.nodes = cluster.nodes;
    this.inside = new ContainerClient(podContainer((args) => this.kubectl(args), "client"));
    this.outside = new NamespaceClient(cluster.plan.client);
    this.release = { values: valuesFor(cluster.plan), helm: (args, values) => cluster.helm(args, values) };
    this.#proxyController = new ProxyController(() => startProxyController(cluster));
    this.footprint = { measure: () => measure(cluster) };
    this.power = {
      off: async (name) => await this.#node(name).turnOff(),
      on: async (name) => {
        await this.#node(name).turnOn([], signal);
        await this.#node(name).startKubelet();
        await cluster.nodeReady(name, signal);
      },
    };
  }

  /** With Berth and the client in it. */
  static async start(): Promise<RealDriver> {
    const driver = await RealDriver.bare();
    try {
      await explained(driver, "install", () => driver.#install());
    } catch (error) {
      await driver[Symbol.asyncDispose]();
      throw error;
    }
    return driver;
  }

  /** Without Berth, any service proxy or the client. */
  static async bare(...more: readonly ImageMaker[]): Promise<RealDriver> {
    return new RealDriver(await RealCluster.start(3, families, signal, more));
  }

  async #install(): Promise<void> {
    await installBerth(this.release, (args) => this.kubectl(args));
    console.log(`${this.name}: ${await coldStarts(this.cluster)}`);
    await startClient((args, stdin) => this.kubectl(args, stdin), this.nodes[0]?.name ?? "");
    await this.#proxyController.start();
  }

  async kubectl(args: readonly string[], stdin = ""): Promise<string> {
    return await this.cluster.kubectl(args, stdin);
  }

  async restart(part: Part): Promise<void> {
    switch (part.what) {
      case "apiserver":
        return await this.cluster.restartApiserver(signal);
      case "controller":
        return await restartController((args) => this.kubectl(args));
      case "proxy controller":
        return await this.#proxyController.restart();
      case "agent":
        return await restartAgent((args) => this.kubectl(args), part.node);
      case "kubelet":
        await this.#node(part.node).stopKubelet();
        await this.#node(part.node).startKubelet();
        return await this.cluster.nodeReady(part.node, signal);
    }
  }

  async rules(node: string): Promise<string> {
    return await this.#onNode(node, "iptables-save", []);
  }

  async collect(folder: string): Promise<void> {
    await collectCluster((args) => this.kubectl(args), folder);
    for (const { name } of this.nodes)
      await collectNode((program, args) => this.#onNode(name, program, args), folder, name);
    await collectBalancers(balancersOf(this.cluster), folder);
    await this.cluster.collectLogs(folder);
    await writeFile(join(folder, "proxy-controller.log"), this.#proxyController.log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxyController[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
  }

  #node(name: string): RealNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  async #onNode(node: string, program: string, args: readonly string[]): Promise<string> {
    return await execOk(this.#node(node).exec, program, args, { signal });
  }
}

function balancersOf({ plan, directory }: RealCluster): string {
  return balancerDir({ id: plan.id, dir: directory });
}

/** The controller beside it. */
function startProxyController(cluster: RealCluster): Child {
  const { plan, kubeconfig } = cluster;
  const args = [
    "--providers=proxy",
    "--instance=berth-proxy",
    `--kubeconfig=${kubeconfig}`,
    `--state-dir=${balancersOf(cluster)}`,
    `--address-pool=${plan.addressPools.join(",")}`,
    `--proxy-bridge=${bridge}`,
    `--proxy-network=${plan.underlay.join(",")}`,
    "--log-format=text",
  ];
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", main];
  const command = [`--net=${netnsPath(plan.fabric.netns)}`, "--", ...node, "controller", ...args];
  const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...runMark(plan.id) };
  return new Child("nsenter", command, { environment });
}
