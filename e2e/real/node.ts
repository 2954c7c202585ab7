import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterPlan, NodePlan } from "../../sandbox/cluster/address-plan.ts";
import { runMark } from "../../sandbox/cluster/sweep.ts";
import { type Exec, execOk, netnsExec, netnsPath, systemExec } from "../../src/kernel/index.ts";
import { Child } from "../contract/child.ts";
import { apiServerOf, wellKnown } from "./addresses.ts";
import { type Authority, kubeconfigText } from "./authority.ts";
import { cgroupsOf, removeCgroups } from "./cgroups.ts";
import { serverOf } from "./control-plane.ts";
import { programTag } from "./images.ts";
import { programPath } from "./programs.ts";

const path = "/usr/sbin:/usr/bin:/sbin:/bin";
/** More does not do for what a container inherits. */
const openFiles = 20_000;
/** Far beyond what a slow machine needs to start or end processes. */
const patienceMs = 300_000;

/** A node whose machine is namespaces: containerd is its first process, and with it all of it ends. */
export class RealNode implements AsyncDisposable {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly #plan: NodePlan;
  readonly #directory: string;
  readonly #environment: Readonly<Record<string, string>>;
  #containerd: Child | undefined;
  #kubelet: Child | undefined;

  private constructor(plan: NodePlan, directory: string, environment: Readonly<Record<string, string>>) {
    this.name = plan.name;
    this.addresses = plan.addresses;
    this.#plan = plan;
    this.#directory = directory;
    this.#environment = environment;
  }

  /** With a disk that holds what its programs read; it is off. */
  static async create(plan: ClusterPlan, node: NodePlan, authority: Authority, parent: string): Promise<RealNode> {
    const directory = join(parent, node.name);
    for (const folder of ["cni", "kubelet", "pods"]) await mkdir(join(directory, folder), { recursive: true });
    const { certificate, key } = await authority.issue(
      `system:node:${node.name}`,
      ["system:nodes"],
      [node.name, ...node.addresses],
    );
    const files = {
      "containerd.toml": containerdConfig(directory),
      "cni/10-pods.conflist": JSON.stringify(podNetwork(node, directory)),
      "resolv.conf": `nameserver ${apiServerOf(plan)}\n`,
      "ca.crt": authority.certificate,
      "kubelet.crt": certificate,
      "kubelet.key": key,
      "kubelet.json": JSON.stringify(kubeletConfig(directory)),
      kubeconfig: kubeconfigText(serverOf(plan), authority, { certificate, key }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
    return new RealNode(node, directory, { PATH: path, ...runMark(plan.id) });
  }

  /** Turns the machine on; containerd works, and has the images of the archives beside those that it had. */
  async turnOn(archives: readonly string[], signal: AbortSignal): Promise<void> {
    const unshared = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const own = ["sh", "-euc", machine, "sh", this.name, join(this.#directory, "containerd.toml")];
    const containerd = new Child("nsenter", [`--net=${netnsPath(this.#plan.netns)}`, "--", ...unshared, ...own], {
      environment: this.#environment,
    });
    this.#containerd = containerd;
    await containerd.ready(({ stderr }) => stderr.includes("containerd successfully booted"), patienceMs);
    const exec = systemExec({ PATH: path });
    const address = `--address=${join(this.#directory, "containerd.sock")}`;
    for (const archive of archives)
      await execOk(exec, "ctr", [address, "--namespace=k8s.io", "images", "import", archive], { signal });
  }

  /** Lets kubelet join the cluster. */
  async startKubelet(): Promise<void> {
    const args = [
      `--config=${join(this.#directory, "kubelet.json")}`,
      `--kubeconfig=${join(this.#directory, "kubeconfig")}`,
      `--hostname-override=${this.name}`,
      `--node-ip=${this.addresses.join(",")}`,
      `--node-labels=topology.kubernetes.io/zone=${this.#plan.zone}`,
      `--root-dir=${join(this.#directory, "kubelet")}`,
    ];
    const namespaces = [`--target=${await this.#firstProcess()}`, "--mount", "--uts", "--net", "--pid"];
    const limited = ["sh", "-euc", `ulimit -n ${openFiles}; exec "$@"`, "sh", programPath("kubelet"), ...args];
    this.#kubelet = new Child("nsenter", [...namespaces, "--", ...limited], { environment: this.#environment });
  }

  /** Lets pods name a profile of seccomp as a `localhostProfile`. */
  async addSeccompProfile(name: string, profile: object): Promise<void> {
    const folder = join(this.#directory, "kubelet", "seccomp");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, name), JSON.stringify(profile));
  }

  async stopKubelet(): Promise<void> {
    this.#kubelet?.signal("SIGTERM");
    await this.#kubelet?.end(patienceMs);
  }

  /** As by its switch: whatever runs on it ends at once. */
  async turnOff(): Promise<void> {
    await this.#kubelet?.[Symbol.asyncDispose]();
    await this.#containerd?.[Symbol.asyncDispose]();
    await removeCgroups(await cgroupsOf(this.#directory), AbortSignal.timeout(patienceMs));
  }

  /** Of what all its processes descend from. */
  get pid(): number {
    return this.#containerd?.pid ?? 0;
  }

  /** In its network. */
  get exec(): Exec {
    return netnsExec(systemExec({ PATH: path }), this.#plan.netns);
  }

  /** What kubelet and containerd said in their last lives. */
  get log(): string {
    return `${this.#containerd?.stderr ?? ""}\n${this.#kubelet?.stderr ?? ""}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.turnOff();
  }

  /** Its number in our namespace. */
  async #firstProcess(): Promise<string> {
    const pid = this.#containerd?.pid;
    return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim();
  }
}

/** What the processes of a machine share, and no other machine sees: names of networks, locks, logs. */
const machine = `
mount --make-rshared /
mkdir -p /var/lib/cni
for place in /run /var/log /var/lib/cni; do mount -t tmpfs node "$place"; done
mkdir /run/lock
hostname "$1"
ulimit -n ${openFiles}
exec containerd --config "$2"
`;

function containerdConfig(directory: string): string {
  const snapshotters = ["aufs", "btrfs", "devmapper", "zfs"].map((name) => `"io.containerd.snapshotter.v1.${name}"`);
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = [${snapshotters.join(", ")}, "io.containerd.internal.v1.opt"]
[grpc]
address = "${directory}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/pause:${programTag}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${directory}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
`;
}

/** Pods hang on routed cables of their own, so that what goes from one to another passes the node's netfilter. */
function podNetwork({ podCidrs }: NodePlan, directory: string): object {
  const ipam = {
    type: "host-local",
    ranges: podCidrs.map((subnet) => [{ subnet }]),
    routes: podCidrs.map((cidr) => ({ dst: cidr.includes(":") ? "::/0" : "0.0.0.0/0" })),
    dataDir: `${directory}/addresses`,
  };
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      { type: "ptp", ipam },
      { type: "portmap", capabilities: { portMappings: true }, externalSetMarkChain: "KUBE-MARK-MASQ" },
    ],
  };
}

function kubeletConfig(directory: string): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: { anonymous: { enabled: false }, x509: { clientCAFile: `${directory}/ca.crt` } },
    tlsCertFile: `${directory}/kubelet.crt`,
    tlsPrivateKeyFile: `${directory}/kubelet.key`,
    containerRuntimeEndpoint: `unix://${directory}/containerd.sock`,
    clusterDNS: [wellKnown.dns],
    clusterDomain: "cluster.local",
    resolvConf: `${directory}/resolv.conf`,
    podLogsDir: `${directory}/pods`,
    // A machine with cgroup v1, without systemd, that is shared by all nodes.
    failCgroupV1: false,
    cgroupDriver: "cgroupfs",
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    imageGCHighThresholdPercent: 100,
    evictionHard: Object.fromEntries(
      ["memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"].map(
        (threshold) => [threshold, "0%"],
      ),
    ),
  };
}
