import { glob, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { sleep } from "../../src/base/index.ts";
import { execOk, netnsPath, systemExec } from "../../src/kernel/index.ts";
import { Child } from "../contract/child.ts";
import { type Authority, kubeconfigText } from "./authority.ts";
import { server } from "./control-plane.ts";
import { programTag } from "./images.ts";
import { addresses, type Node } from "./plan.ts";
import { programPath } from "./programs.ts";

const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
/** More does not do for what a container inherits. */
const openFiles = 20_000;
/** Far beyond what the kernel needs to end processes. */
const patienceMs = 60_000;

/** A node whose machine is namespaces: containerd is its first process, and with it all of it ends. */
export class RealNode implements AsyncDisposable {
  readonly #containerd: Child;
  readonly #directory: string;
  #kubelet: Child | undefined;

  private constructor(containerd: Child, directory: string) {
    this.#containerd = containerd;
    this.#directory = directory;
  }

  /** With containerd alone, which has the images of the archives. */
  static async start(
    node: Node,
    authority: Authority,
    parent: string,
    archives: readonly string[],
    signal: AbortSignal,
  ): Promise<RealNode> {
    const directory = join(parent, node.name);
    for (const folder of ["cni", "kubelet", "pods"]) await mkdir(join(directory, folder), { recursive: true });
    await writeFile(join(directory, "containerd.toml"), containerdConfig(directory));
    await writeFile(join(directory, "cni/10-pods.conflist"), JSON.stringify(podNetwork(node, directory)));
    await writeFile(join(directory, "resolv.conf"), `nameserver ${addresses.apiServer}\n`);
    const { certificate, key } = await authority.issue(
      `system:node:${node.name}`,
      ["system:nodes"],
      [node.name, node.address],
    );
    const [serving, servingKey] = [join(directory, "kubelet.crt"), join(directory, "kubelet.key")];
    await writeFile(serving, certificate);
    await writeFile(servingKey, key, { mode: 0o600 });
    await writeFile(join(directory, "ca.crt"), authority.certificate);
    await writeFile(join(directory, "kubeconfig"), kubeconfigText(server, authority, { certificate, key }), {
      mode: 0o600,
    });
    await writeFile(join(directory, "kubelet.json"), JSON.stringify(kubeletConfig(directory)));
    const unshared = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const own = ["sh", "-euc", machine, "sh", node.name, join(directory, "containerd.toml")];
    await using stack = new AsyncDisposableStack();
    const containerd = stack.use(
      new Child("nsenter", [`--net=${netnsPath(node.netns)}`, "--", ...unshared, ...own], { environment }),
    );
    await containerd.ready(({ stderr }) => stderr.includes("containerd successfully booted"));
    const exec = systemExec(environment);
    for (const archive of archives) {
      const address = `--address=${join(directory, "containerd.sock")}`;
      await execOk(exec, "ctr", [address, "--namespace=k8s.io", "images", "import", archive], { signal });
    }
    stack.move();
    return new RealNode(containerd, directory);
  }

  /** Lets kubelet join the cluster. */
  async join({ name, address }: Node): Promise<void> {
    const args = [
      `--config=${join(this.#directory, "kubelet.json")}`,
      `--kubeconfig=${join(this.#directory, "kubeconfig")}`,
      `--hostname-override=${name}`,
      `--node-ip=${address}`,
      `--root-dir=${join(this.#directory, "kubelet")}`,
    ];
    const namespaces = [`--target=${await this.#firstProcess()}`, "--mount", "--uts", "--net", "--pid"];
    const limited = ["sh", "-euc", `ulimit -n ${openFiles}; exec "$@"`, "sh", programPath("kubelet"), ...args];
    this.#kubelet = new Child("nsenter", [...namespaces, "--", ...limited], { environment });
  }

  /** What kubelet and containerd said. */
  get log(): string {
    return `${this.#containerd.stderr}\n${this.#kubelet?.stderr ?? ""}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kubelet?.[Symbol.asyncDispose]();
    await this.#containerd[Symbol.asyncDispose]();
    await removeCgroups(join(this.#directory, "root/io.containerd.grpc.v1.cri"));
  }

  /** Its number in our namespace. */
  async #firstProcess(): Promise<string> {
    const { pid } = this.#containerd;
    return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim();
  }
}

/** Those of pods and containers whose processes are gone or about to go: the only thing that they leave on the machine. */
async function removeCgroups(state: string): Promise<void> {
  const ids = (await Array.fromAsync(glob(`${state}/{containers,sandboxes}/*`))).map((path) => basename(path));
  const folders = (await Array.fromAsync(glob("/sys/fs/cgroup/*/k8s.io/*"))).filter((path) =>
    ids.includes(basename(path)),
  );
  for (const folder of folders) while (!(await isRemoved(folder))) await sleep(50, AbortSignal.timeout(patienceMs));
}

async function isRemoved(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
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

function podNetwork({ podNetwork: subnet }: Node, directory: string): object {
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet }]],
    routes: [{ dst: "0.0.0.0/0" }],
    dataDir: `${directory}/addresses`,
  };
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      { type: "bridge", bridge: "cni0", isGateway: true, hairpinMode: true, ipam },
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
    clusterDNS: [addresses.dns],
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
