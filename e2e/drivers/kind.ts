import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Family } from "../../src/net/index.ts";
import { Child } from "../contract/child.ts";
import { agentImage, KindCluster } from "../kind/cluster.ts";
import { ContainerClient, podContainer } from "./client.ts";
import { collectBalancers, collectCluster, collectNode, explained } from "./collect.ts";
import type { Driver, DriverNode, Part, Release } from "./driver.ts";
import { installBerth, restartAgent, restartController, startClient } from "./pods.ts";
import { ProxyController } from "./proxy-controller.ts";

const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;

/** A cluster of kind with Berth as the chart installs it, and the provider `proxy` on this machine, in containers. */
export class KindDriver implements Driver {
  readonly name = "kind";
  readonly families: readonly Family[] = ["IPv4"];
  /** The workers: kubeadm keeps load balancers from the control plane. */
  readonly nodes: readonly DriverNode[];
  readonly inside: ContainerClient;
  readonly outside: ContainerClient;
  readonly release: Release;
  readonly power: undefined;
  readonly footprint: undefined;
  readonly #cluster: KindCluster;
  readonly #proxyController: ProxyController;

  private constructor(cluster: KindCluster, nodes: readonly DriverNode[], values: object) {
    this.#cluster = cluster;
    this.nodes = nodes;
    this.#proxyController = new ProxyController(() => startProxyController(cluster));
    this.inside = new ContainerClient(podContainer((args) => this.kubectl(args), "client"));
    this.outside = new ContainerClient({
      exec: (command) => cluster.docker(["exec", cluster.outside, ...command]),
      addresses: () => cluster.addressesOf(cluster.outside),
    });
    this.release = { values, helm: (args, given) => cluster.helm(args, given) };
  }

  static async start(): Promise<KindDriver> {
    const cluster = await KindCluster.start();
    try {
      const nodes: DriverNode[] = [];
      for (const [name, zone] of [
        [`${cluster.name}-worker`, "zone-a"],
        [`${cluster.name}-worker2`, "zone-b"],
      ] as const) {
        await cluster.kubectl(["label", "node", name, `topology.kubernetes.io/zone=${zone}`]);
        nodes.push({ name, addresses: await cluster.addressesOf(name) });
      }
      const driver = new KindDriver(cluster, nodes, await cluster.values());
      await explained(driver, "install", () => driver.#install());
      return driver;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #install(): Promise<void> {
    await installBerth(this.release, (args) => this.kubectl(args));
    await startClient((args, stdin) => this.kubectl(args, stdin), this.nodes[0]?.name ?? "");
    await this.#proxyController.start();
  }

  async kubectl(args: readonly string[], stdin = ""): Promise<string> {
    return await this.#cluster.kubectl(args, stdin);
  }

  async restart(part: Part): Promise<void> {
    switch (part.what) {
      case "apiserver":
        return await this.#restartApiserver();
      case "controller":
        return await restartController((args) => this.kubectl(args));
      case "proxy controller":
        return await this.#proxyController.restart();
      case "agent":
        return await restartAgent((args) => this.kubectl(args), part.node);
      case "kubelet":
        await this.#onNode(part.node, "systemctl", ["restart", "kubelet"]);
        return await this.#untilAnswers(`/api/v1/nodes/${part.node}/proxy/healthz`);
    }
  }

  async rules(node: string): Promise<string> {
    return await this.#onNode(node, "iptables-save", []);
  }

  async collect(folder: string): Promise<void> {
    await collectCluster((args) => this.kubectl(args), folder);
    for (const { name } of this.nodes)
      await collectNode((program, args) => this.#onNode(name, program, args), folder, name);
    await collectBalancers(join(this.#cluster.directory, "balancers"), folder);
    await this.#cluster.exportLogs(folder);
    await writeFile(join(folder, "proxy-controller.log"), this.#proxyController.log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxyController[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
  }

  /** kubelet starts it again. */
  async #restartApiserver(): Promise<void> {
    const host = `${this.#cluster.name}-control-plane`;
    const which = ["ps", "--quiet", "--name=kube-apiserver"];
    const id = (await this.#onNode(host, "crictl", which)).trim();
    await this.#onNode(host, "crictl", ["stop", id]);
    await this.#untilAnswers("/readyz");
  }

  async #untilAnswers(path: string): Promise<void> {
    const limit = AbortSignal.timeout(300_000);
    for (;;) {
      try {
        await this.kubectl(["get", "--raw", path]);
        return;
      } catch (error) {
        if (limit.aborted) throw error;
      }
    }
  }

  async #onNode(node: string, program: string, args: readonly string[]): Promise<string> {
    return await this.#cluster.docker(["exec", node, program, ...args]);
  }
}

/** The controller beside it. */
function startProxyController(cluster: KindCluster): Child {
  const { kubeconfig, directory } = cluster;
  const args = [
    "--providers=proxy",
    "--instance=berth-proxy",
    `--kubeconfig=${kubeconfig}`,
    `--state-dir=${join(directory, "balancers")}`,
    "--proxy-engine=docker",
    `--proxy-image=${agentImage}`,
    "--metrics-bind-address=127.0.0.1:0",
    "--health-bind-address=127.0.0.1:0",
    "--log-format=text",
  ];
  const { PATH = "", HOME = "", DOCKER_HOST } = process.env;
  const environment = { PATH, HOME, ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }) };
  const command = ["--disable-warning=ExperimentalWarning", main, "controller", ...args];
  return new Child(process.execPath, command, { environment });
}
