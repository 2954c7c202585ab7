// A real cluster on this machine: every program of upstream but kube-proxy, on nodes that are namespaces.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { helmPath } from "../../hack/chart/helm.ts";
import { type ClusterPlan, planCluster } from "../../sandbox/cluster/address-plan.ts";
import { buildNetwork } from "../../sandbox/cluster/network.ts";
import { claimRun, type Run } from "../../sandbox/cluster/registry.ts";
import { FailureError, sleep, systemRandom } from "../../src/base/index.ts";
import { type Exec, netnsExec, netnsPath, systemExec } from "../../src/kernel/index.ts";
import type { Family } from "../../src/net/index.ts";
import { Child } from "../contract/child.ts";
import { kubectlPath } from "../contract/kubectl/run.ts";
import { apiServerOf } from "./addresses.ts";
import { Authority } from "./authority.ts";
import { ControlPlane } from "./control-plane.ts";
import { berthArchive, echoImage, imageOf } from "./images.ts";
import { RealNode } from "./node.ts";
import { clustersRoot, removeCluster, sweepClusters } from "./run.ts";

const manifests = new URL("manifests/", import.meta.url).pathname;
const endWithinMs = 60_000;
const systemPath = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Makes an image in a directory; the path of its archive. */
export type ImageMaker = (directory: string) => Promise<string>;

interface Parts {
  readonly plan: ClusterPlan;
  readonly run: Run;
  readonly controlPlane: ControlPlane;
  readonly nodes: readonly RealNode[];
  readonly owned: AsyncDisposableStack;
}

export class RealCluster implements AsyncDisposable {
  readonly plan: ClusterPlan;
  readonly nodes: readonly RealNode[];
  /** Of what is to go with it. */
  readonly directory: string;
  readonly #controlPlane: ControlPlane;
  readonly #owned: AsyncDisposableStack;

  private constructor({ plan, run, controlPlane, nodes, owned }: Parts) {
    this.plan = plan;
    this.nodes = nodes;
    this.directory = run.dir;
    this.#controlPlane = controlPlane;
    this.#owned = owned;
  }

  /** With nodes that have the images and have joined, with DNS that waits for a service proxy, and without Berth. */
  static async start(
    count: number,
    families: readonly Family[],
    signal: AbortSignal,
    more: readonly ImageMaker[] = [],
  ): Promise<RealCluster> {
    if (process.getuid?.() !== 0) throw new FailureError("a real cluster makes namespaces, which only root may");
    const exec = systemExec({ PATH: systemPath });
    await sweepClusters(exec, signal);
    await using stack = new AsyncDisposableStack();
    const run = await claimRun(systemRandom, clustersRoot);
    stack.defer(() => removeCluster(exec, run, AbortSignal.timeout(endWithinMs)));
    const plan = planCluster(run.id, count, families);
    await buildNetwork(exec, plan, signal);
    const authority = await Authority.create();
    const controlPlane = stack.use(await ControlPlane.start(plan, authority, join(run.dir, "control-plane")));
    const images = join(run.dir, "images");
    await mkdir(images);
    const makers = [imageOf.bind(undefined, "pause"), imageOf.bind(undefined, "coredns"), echoImage, ...more];
    const made = makers.map((make) => make(images));
    const archives = [...(await Promise.all(made)), berthArchive("berth-agent"), berthArchive("berth-controller")];
    const nodes: RealNode[] = [];
    for (const node of plan.nodes) {
      const machine = stack.use(await RealNode.create(plan, node, authority, run.dir));
      await machine.turnOn(archives, signal);
      nodes.push(machine);
    }
    const owned = stack.move();
    const cluster = new RealCluster({ plan, run, controlPlane, nodes, owned });
    try {
      await cluster.#ready(signal);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async #ready(signal: AbortSignal): Promise<void> {
    await this.apiserverReady(signal);
    for (const node of this.nodes) await node.startKubelet();
    await this.kubectl(["apply", `--filename=${manifests}coredns.yaml`]);
    for (const { name } of this.nodes) await this.nodeReady(name, signal);
  }

  get kubeconfig(): string {
    return this.#controlPlane.kubeconfig;
  }

  /** Programs of a machine that is no part of the cluster. */
  get outside(): Exec {
    return netnsExec(systemExec({ PATH: systemPath }), this.plan.client.netns);
  }

  /** What it printed; throws when it failed. */
  async kubectl(args: readonly string[], stdin = ""): Promise<string> {
    return await this.#run(kubectlPath, args, stdin);
  }

  /** The real one, with the values on standard input if there are any. */
  async helm(args: readonly string[], values?: object): Promise<string> {
    if (values === undefined) return await this.#run(helmPath, args, "");
    return await this.#run(helmPath, [...args, "--values=-"], JSON.stringify(values));
  }

  /** Ends the API server as a crash does and starts it again; resolves when it is ready. */
  async restartApiserver(signal: AbortSignal): Promise<void> {
    await this.#controlPlane.restartApiserver();
    await this.apiserverReady(signal);
  }

  async apiserverReady(signal: AbortSignal): Promise<void> {
    while (!(await this.#succeeds(["get", "--raw=/readyz"]))) await sleep(100, signal);
  }

  /** Resolves when the kubelet of a node answers, and the node has joined and is Ready. */
  async nodeReady(name: string, signal: AbortSignal): Promise<void> {
    const kubelet = ["get", "--raw", `/api/v1/nodes/${name}/proxy/healthz`];
    while (!(await this.#succeeds(kubelet))) await sleep(100, signal);
    await this.kubectl(["wait", "--for=condition=Ready", "--timeout=120s", `node/${name}`]);
  }

  /** Writes what its own programs said into a folder. */
  async collectLogs(folder: string): Promise<void> {
    for (const [name, text] of this.#controlPlane.logs) await writeFile(join(folder, `${name}.log`), text);
    for (const { name, log } of this.nodes) await writeFile(join(folder, `${name}.log`), log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  async #succeeds(args: readonly string[]): Promise<boolean> {
    return await this.kubectl(args).then(
      () => true,
      () => false,
    );
  }

  async #run(program: string, args: readonly string[], stdin: string): Promise<string> {
    const net = `--net=${netnsPath(this.plan.fabric.netns)}`;
    const environment = { PATH: "/usr/bin:/bin", HOME: this.directory, KUBECONFIG: this.kubeconfig };
    await using child = new Child("nsenter", [net, "--", program, ...args], { environment, stdin });
    if ((await child.end(300_000)) !== 0) throw child.failure(`(${args.join(" ")}) failed`);
    return child.stdout;
  }
}

/** The values with which Berth is installed in a cluster. */
export function valuesFor(plan: ClusterPlan): object {
  return { agent: { apiServer: { host: apiServerOf(plan) }, config: { clusterCIDR: plan.clusterCidrs.join(",") } } };
}
