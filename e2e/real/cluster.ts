// A real cluster on this machine: every program of upstream but kube-proxy, on nodes that are namespaces.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { helmPath } from "../../hack/chart/helm.ts";
import { sleep } from "../../src/base/index.ts";
import { type Exec, netnsExec, netnsPath, systemExec } from "../../src/kernel/index.ts";
import { Child } from "../contract/child.ts";
import { kubectlPath } from "../contract/kubectl/run.ts";
import { Authority } from "./authority.ts";
import { startControlPlane } from "./control-plane.ts";
import { architecture, imageOf } from "./images.ts";
import { buildNetwork } from "./network.ts";
import { RealNode } from "./node.ts";
import { addresses, type Plan, planCluster } from "./plan.ts";

const built = new URL("../../images/built/", import.meta.url).pathname;
const manifests = new URL("manifests/", import.meta.url).pathname;

export class RealCluster implements AsyncDisposable {
  readonly plan: Plan;
  readonly #directory: string;
  readonly #kubeconfig: string;
  readonly #nodes: readonly RealNode[];
  readonly #owned: AsyncDisposableStack;

  private constructor(
    plan: Plan,
    directory: string,
    kubeconfig: string,
    nodes: readonly RealNode[],
    owned: AsyncDisposableStack,
  ) {
    this.plan = plan;
    this.#directory = directory;
    this.#kubeconfig = kubeconfig;
    this.#nodes = nodes;
    this.#owned = owned;
  }

  /** With nodes that have the images and have joined, with DNS that waits for a service proxy, and without Berth. */
  static async start(count: number, signal: AbortSignal): Promise<RealCluster> {
    await using stack = new AsyncDisposableStack();
    const plan = planCluster(`berth-real-${process.pid}`, count);
    const directory = await mkdtemp(join(tmpdir(), "berth-real-"));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    stack.use(await buildNetwork(systemExec({ PATH: process.env["PATH"] }), plan, signal));
    const authority = await Authority.create();
    const { kubeconfig } = stack.use(await startControlPlane(plan, authority, join(directory, "control-plane")));
    const archives = [
      ...(await Promise.all(["pause", "coredns"].map((program) => imageOf(program, join(directory, "images"))))),
      ...["berth-agent", "berth-controller"].map((name) => `${built}${name}-${architecture}.tar`),
    ];
    const nodes: RealNode[] = [];
    for (const node of plan.nodes)
      nodes.push(stack.use(await RealNode.start(node, authority, directory, archives, signal)));
    const cluster = new RealCluster(plan, directory, kubeconfig, nodes, stack.move());
    try {
      await cluster.#ready(signal);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async #ready(signal: AbortSignal): Promise<void> {
    while ((await this.try("kubectl", ["get", "--raw=/readyz"])) === undefined) await sleep(200, signal);
    for (const [index, node] of this.#nodes.entries()) {
      const plan = this.plan.nodes[index];
      if (plan !== undefined) await node.join(plan);
    }
    await this.kubectl(["apply", `--filename=${manifests}coredns.yaml`]);
    const names = this.plan.nodes.map(({ name }) => `node/${name}`);
    while ((await this.try("kubectl", ["get", ...names])) === undefined) await sleep(200, signal);
    await this.kubectl(["wait", "--for=condition=Ready", "--timeout=120s", ...names]);
  }

  /** What it printed; throws when it failed. */
  async kubectl(args: readonly string[], stdin = ""): Promise<string> {
    return await this.#run(kubectlPath, args, stdin);
  }

  /** The real one, with the values on standard input. */
  async helm(args: readonly string[], values: object): Promise<string> {
    return await this.#run(helmPath, [...args, "--values=-"], JSON.stringify(values));
  }

  /** Undefined when it failed. */
  async try(program: "kubectl", args: readonly string[]): Promise<string | undefined> {
    return await this[program](args).catch(() => undefined);
  }

  /** Programs of a machine that is no part of the cluster. */
  get outside(): Exec {
    return netnsExec(systemExec({ PATH: process.env["PATH"] }), this.plan.outside.netns);
  }

  /** The file of a manifest. */
  static manifest(name: string): string {
    return `${manifests}${name}.yaml`;
  }

  /** Writes all that the cluster says of itself into a folder. */
  async collect(folder: string): Promise<void> {
    for (const [name, args] of Object.entries(questions)) {
      const said = await this.kubectl(args).catch((error: unknown) => String(error));
      await writeFile(join(folder, `${name}.txt`), said);
    }
    for (const [index, { log }] of this.#nodes.entries()) await writeFile(join(folder, `node${index + 1}.log`), log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  async #run(program: string, args: readonly string[], stdin: string): Promise<string> {
    const net = `--net=${netnsPath(this.plan.controlPlane.netns)}`;
    const environment = { PATH: "/usr/bin:/bin", HOME: this.#directory, KUBECONFIG: this.#kubeconfig };
    await using child = new Child("nsenter", [net, "--", program, ...args], { environment, stdin });
    if ((await child.end(300_000)) !== 0) throw child.failure(`(${args.join(" ")}) failed`);
    return child.stdout;
  }
}

const questions: Readonly<Record<string, readonly string[]>> = {
  objects: ["get", "nodes,pods,services,endpointslices,leases,events", "--all-namespaces", "--output=wide"],
  pods: ["describe", "pods", "--all-namespaces"],
  agent: ["logs", "--namespace=kube-system", "--selector=app.kubernetes.io/component=agent", "--tail=-1", "--prefix"],
  controller: [
    "logs",
    "--namespace=kube-system",
    "--selector=app.kubernetes.io/component=controller",
    "--tail=-1",
    "--prefix",
  ],
};

/** The values with which Berth is installed in it. */
export const values: object = {
  agent: { apiServer: { host: addresses.apiServer }, config: { clusterCIDR: "10.244.0.0/16" } },
};
