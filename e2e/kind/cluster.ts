// A cluster of kind, made as deploy/kind says, by the Docker client and kind of this machine.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { helmPath } from "../../hack/chart/helm.ts";
import { version } from "../../images/contents.ts";
import { type Exec, execOk, systemExec } from "../../src/kernel/index.ts";
import { kubectlPath } from "../contract/kubectl/run.ts";
import { checkRequirements } from "./requirements.ts";

const root = new URL("../../", import.meta.url).pathname;
const echo = "berth.dev/echo:latest";
/** Of kind's containers and ours. */
const network = "kind";
/** Images are built, and those of kind fetched. */
const patienceMs = 1_200_000;

export const agentImage: string = `berth-agent:${version}`;
const controllerImage = `berth-controller:${version}`;

export class KindCluster implements AsyncDisposable {
  readonly name: string;
  readonly kubeconfig: string;
  /** Of what is to go with it. */
  readonly directory: string;
  readonly #exec: Exec = systemExec(process.env);

  private constructor(name: string, directory: string) {
    this.name = name;
    this.directory = directory;
    this.kubeconfig = join(directory, "kubeconfig");
  }

  /** With the images on its nodes and a container `outside` beside them; without Berth. */
  static async start(): Promise<KindCluster> {
    await checkRequirements(systemExec(process.env));
    const directory = await mkdtemp(join(tmpdir(), "berth-kind-"));
    const cluster = new KindCluster(`berth-e2e-${process.pid}`, directory);
    try {
      await cluster.#create();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** The container of a client that is no part of the cluster. */
  get outside(): string {
    return `${this.name}-outside`;
  }

  /** The values of deploy/kind, for a cluster of this name. */
  async values(): Promise<object> {
    const values = parse(await readFile(`${root}deploy/kind/values.yaml`, "utf8")) as { agent: object };
    return { ...values, agent: { ...values.agent, apiServer: { host: `${this.name}-control-plane` } } };
  }

  async kubectl(args: readonly string[], stdin = ""): Promise<string> {
    return await this.#run(kubectlPath, [`--kubeconfig=${this.kubeconfig}`, ...args], stdin);
  }

  async helm(args: readonly string[], values?: object): Promise<string> {
    const kubeconfig = `--kubeconfig=${this.kubeconfig}`;
    if (values === undefined) return await this.#run(helmPath, [kubeconfig, ...args]);
    return await this.#run(helmPath, [kubeconfig, ...args, "--values=-"], JSON.stringify(values));
  }

  async docker(args: readonly string[]): Promise<string> {
    return await this.#run("docker", args);
  }

  /** Of a container on the network of the nodes. */
  async addressesOf(container: string): Promise<readonly string[]> {
    const template = `{{with index .NetworkSettings.Networks "${network}"}}{{.IPAddress}}{{end}}`;
    return [(await this.docker(["inspect", `--format=${template}`, container])).trim()];
  }

  /** Writes what kind says of its nodes into a folder. */
  async exportLogs(folder: string): Promise<void> {
    await this.#run("kind", ["export", "logs", `--name=${this.name}`, join(folder, "kind")]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removeBalancers().catch(() => {});
    await this.docker(["rm", "--force", this.outside]);
    await this.#run("kind", ["delete", "cluster", `--name=${this.name}`]);
    await rm(this.directory, { recursive: true, force: true });
  }

  async #create(): Promise<void> {
    for (const target of ["berth-agent", "berth-controller"])
      await this.#build(`images/Dockerfile`, `${target}:${version}`, [`--target=${target}`]);
    await this.#build("e2e/kind/Dockerfile", echo, [`--build-arg=BERTH=${controllerImage}`]);
    const config = `--config=${root}deploy/kind/cluster.yaml`;
    const files = [config, `--name=${this.name}`, `--kubeconfig=${this.kubeconfig}`];
    await this.#run("kind", ["create", "cluster", ...files]);
    await this.#run("kind", ["load", "docker-image", `--name=${this.name}`, agentImage, controllerImage, echo]);
    await this.docker(["run", "--detach", `--name=${this.outside}`, `--network=${network}`, echo]);
  }

  async #build(file: string, tag: string, args: readonly string[]): Promise<void> {
    await this.docker(["build", `--file=${root}${file}`, `--tag=${tag}`, ...args, root]);
  }

  /** Containers of load balancers whose Services are not yet gone. */
  async #removeBalancers(): Promise<void> {
    const uid = await this.kubectl(["get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}"]);
    const filter = `--filter=label=berth.dev/cluster=${uid}`;
    const ids = (await this.docker(["ps", "--all", "--quiet", filter])).split("\n").filter((id) => id !== "");
    if (ids.length > 0) await this.docker(["rm", "--force", ...ids]);
  }

  async #run(program: string, args: readonly string[], stdin = ""): Promise<string> {
    return await execOk(this.#exec, program, args, { signal: AbortSignal.timeout(patienceMs), stdin });
  }
}
