import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterPlan } from "../../sandbox/cluster/address-plan.ts";
import { runMark } from "../../sandbox/cluster/sweep.ts";
import { netnsPath } from "../../src/kernel/index.ts";
import { withPort } from "../../src/net/index.ts";
import { Child } from "../contract/child.ts";
import { apiServerOf, wellKnown } from "./addresses.ts";
import { type Authority, kubeconfigText } from "./authority.ts";
import { programPath } from "./programs.ts";

const apiPort = 6443;
/** Far beyond what a slow machine needs. */
const patienceMs = 300_000;

/** Where clients find it. */
export function serverOf(plan: ClusterPlan): string {
  return `https://${withPort(apiServerOf(plan), apiPort)}`;
}

/** etcd, kube-apiserver, kube-controller-manager and kube-scheduler, in the namespace of the bridge. */
export class ControlPlane implements AsyncDisposable {
  /** The administrator's. */
  readonly kubeconfig: string;
  readonly #plan: ClusterPlan;
  readonly #directory: string;
  readonly #children = new Map<string, Child>();
  readonly #apiserver: readonly string[];

  private constructor(plan: ClusterPlan, directory: string, kubeconfig: string, apiserver: readonly string[]) {
    this.#plan = plan;
    this.#directory = directory;
    this.kubeconfig = kubeconfig;
    this.#apiserver = apiserver;
  }

  /** Resolves when its programs run, before they are ready. */
  static async start(plan: ClusterPlan, authority: Authority, directory: string): Promise<ControlPlane> {
    await mkdir(directory);
    const files = new Files(directory, serverOf(plan), authority);
    const accounts = await files.serviceAccounts();
    const ca = await files.write("ca.crt", authority.certificate);
    const apiserver = await apiserverArguments(plan, files, ca, accounts);
    const cluster = new ControlPlane(plan, directory, await files.client("admin", ["system:masters"]), apiserver);
    await using stack = new AsyncDisposableStack();
    stack.use(cluster);
    await cluster.#startEtcd();
    cluster.#start("kube-apiserver", apiserver);
    cluster.#start("kube-controller-manager", [
      `--kubeconfig=${await files.client("system:kube-controller-manager")}`,
      `--service-account-private-key-file=${accounts.key}`,
      `--root-ca-file=${ca}`,
      "--use-service-account-credentials",
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
    ]);
    cluster.#start("kube-scheduler", [
      `--kubeconfig=${await files.client("system:kube-scheduler")}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
    ]);
    stack.move();
    return cluster;
  }

  /**
   * Ends the API server as a crash does, and starts it again; resolves before it is ready. Asked to end, it lives on for
   * a minute beside the streams that it has.
   */
  async restartApiserver(): Promise<void> {
    const child = this.#children.get("kube-apiserver");
    child?.signal("SIGKILL");
    await child?.ended;
    this.#start("kube-apiserver", this.#apiserver);
  }

  /** What each program said, of its last life. */
  get logs(): ReadonlyMap<string, string> {
    return new Map([...this.#children].map(([name, { stderr }]) => [name, stderr]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child[Symbol.asyncDispose]()));
  }

  async #startEtcd(): Promise<void> {
    const client = `unix://${this.#directory}/etcd.sock`;
    const peer = `unix://${this.#directory}/peer.sock`;
    const etcd = this.#start("etcd", [
      `--data-dir=${this.#directory}/etcd`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--unsafe-no-fsync",
    ]);
    await etcd.ready(({ stderr }) => stderr.includes("ready to serve client requests"), patienceMs);
  }

  #start(program: string, args: readonly string[]): Child {
    const net = `--net=${netnsPath(this.#plan.fabric.netns)}`;
    const environment = {
      PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
      HOME: this.#directory,
      ...runMark(this.#plan.id),
    };
    const child = new Child("nsenter", [net, "--", programPath(program), ...args], { environment });
    this.#children.set(program, child);
    return child;
  }
}

/** What the programs of the control plane find on its disk. */
class Files {
  readonly directory: string;
  readonly #server: string;
  readonly #authority: Authority;

  constructor(directory: string, server: string, authority: Authority) {
    this.directory = directory;
    this.#server = server;
    this.#authority = authority;
  }

  async write(name: string, text: string): Promise<string> {
    await writeFile(join(this.directory, name), text, { mode: 0o600 });
    return join(this.directory, name);
  }

  /** The files of a certificate and its key. */
  async pair(name: string, ...identity: Parameters<Authority["issue"]>): Promise<readonly [string, string]> {
    const { certificate, key } = await this.#authority.issue(...identity);
    return [await this.write(`${name}.crt`, certificate), await this.write(`${name}.key`, key)];
  }

  /** The kubeconfig of a client. */
  async client(name: string, groups: readonly string[] = []): Promise<string> {
    const pair = await this.#authority.issue(name, groups);
    return await this.write(
      `${name.replaceAll(":", "-")}.kubeconfig`,
      kubeconfigText(this.#server, this.#authority, pair),
    );
  }

  async serviceAccounts(): Promise<ServiceAccountKeys> {
    const { privateKey, publicKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    return {
      key: await this.write("service-accounts.key", privateKey),
      publicKey: await this.write("service-accounts.pub", publicKey),
    };
  }
}

/** Files of what tokens are signed with. */
interface ServiceAccountKeys {
  readonly key: string;
  readonly publicKey: string;
}

async function apiserverArguments(
  plan: ClusterPlan,
  files: Files,
  ca: string,
  { key, publicKey }: ServiceAccountKeys,
): Promise<readonly string[]> {
  const names = [...plan.fabric.addresses, ...wellKnown.apiService, "127.0.0.1", "kubernetes.default.svc"];
  const [certificate, servingKey] = await files.pair("apiserver", "kube-apiserver", [], names);
  const [kubeletCertificate, kubeletKey] = await files.pair("kubelet-client", "kube-apiserver", ["system:masters"]);
  return [
    `--etcd-servers=unix://${files.directory}/etcd.sock`,
    `--advertise-address=${apiServerOf(plan)}`,
    "--bind-address=0.0.0.0",
    `--secure-port=${apiPort}`,
    `--client-ca-file=${ca}`,
    `--tls-cert-file=${certificate}`,
    `--tls-private-key-file=${servingKey}`,
    `--kubelet-certificate-authority=${ca}`,
    `--kubelet-client-certificate=${kubeletCertificate}`,
    `--kubelet-client-key=${kubeletKey}`,
    "--kubelet-preferred-address-types=InternalIP",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    // As everywhere where agents of networks run.
    "--allow-privileged=true",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${publicKey}`,
    `--service-account-signing-key-file=${key}`,
    `--service-cluster-ip-range=${plan.serviceCidrs.join(",")}`,
  ];
}
