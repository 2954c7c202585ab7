// A container for each load balancer, on the network of the nodes, as users of kind know it. The engine gives it its
// addresses and starts it again when it ends; its labels say whose it is. The directory of the load balancer is mounted,
// so that files go in and out as with any other engine.
import type { Exec } from "../../../../src/kernel/index.ts";
import type { LbIdentity } from "../../../../src/model/index.ts";
import type { Requests, StepResult } from "../../../../src/provider/index.ts";
import type { Names } from "../../names.ts";
import { requestedExec } from "../../requested-exec.ts";
import type { Engine, Place, PlaceState } from "../engine.ts";
import { ContainerCli } from "./cli.ts";
import type { Container } from "./inspect.ts";
import { anyCluster, clusterLabel, directoryOf, identityOf, labelsOf, makerOf } from "./labels.ts";
import type { ContainerSettings } from "./settings.ts";

export { checkContainers } from "./machine.ts";
export { type ContainerSettings, containersOf } from "./settings.ts";

export interface ContainerEngineOptions extends ContainerSettings {
  readonly exec: Exec;
}

/** Where the balancer finds its directory. */
const mounted = "/run/berth";
/** It ends at once when it is asked to. */
const graceSeconds = 2;

const done: StepResult = { state: "done" };

export class ContainerEngine implements Engine {
  readonly #network: string;
  readonly #cli: ContainerCli;

  constructor({ exec, ...settings }: ContainerEngineOptions, requests: Requests) {
    const reads = requestedExec(exec, requests, "read");
    this.#network = settings.network;
    this.#cli = new ContainerCli(settings, reads, requestedExec(exec, requests, "write"));
  }

  async observe(place: Place, signal: AbortSignal): Promise<PlaceState> {
    const container = await this.#cli.find(place.names.netns, signal);
    if (container === undefined) return { network: undefined, process: "none" };
    const addresses = container.networks.get(this.#network);
    const fits = addresses !== undefined && directoryOf(container.labels) === place.names.directory;
    return {
      network: { announced: undefined, addresses: addresses ?? [], maker: makerOf(container.labels) },
      process: fits ? (container.status === "running" ? "running" : "none") : "astray",
    };
  }

  async connect(place: Place, addresses: readonly string[], _mac: string, signal: AbortSignal): Promise<StepResult> {
    // A request whose answer was lost has made it already; what it is, the next look finds out.
    if ((await this.#cli.find(place.names.netns, signal)) !== undefined) return done;
    const { ipv6 } = await this.#cli.network(signal);
    const options = createOptions(place, this.#network, addresses, ipv6);
    await this.#cli.create(options, ["balancer", "--state-dir", mounted, "--await-config"], signal);
    return done;
  }

  async start({ names }: Place, signal: AbortSignal): Promise<StepResult> {
    const container = await this.#cli.find(names.netns, signal);
    if (container?.status === "running") return done;
    if (container?.status === "restarting") throw await this.#whyItEnds(names.netns, container, signal);
    await this.#cli.start(names.netns, signal);
    return done;
  }

  async stop({ id, names }: Place, signal: AbortSignal): Promise<StepResult> {
    if (await this.#isOurs({ id, names }, signal)) await this.#cli.stop(names.netns, graceSeconds, signal);
    return done;
  }

  async disconnect({ id, names }: Place, signal: AbortSignal): Promise<void> {
    if (await this.#isOurs({ id, names }, signal)) await this.#cli.remove(names.netns, signal);
  }

  async owned(clusterId: string, signal: AbortSignal): Promise<readonly LbIdentity[]> {
    const containers = await this.#cli.labelled(clusterLabel(clusterId), signal);
    return containers.flatMap(({ labels }) => identityOf(labels) ?? []);
  }

  async ended(names: readonly Names[], signal: AbortSignal): Promise<readonly Names[]> {
    const running = new Set(await this.#cli.running(anyCluster, signal));
    return names.filter(({ netns }) => !running.has(netns));
  }

  async #isOurs({ id, names }: Place, signal: AbortSignal): Promise<boolean> {
    const container = await this.#cli.find(names.netns, signal);
    if (container === undefined) return false;
    const maker = makerOf(container.labels);
    return maker !== "nobody" && maker.clusterId === id.clusterId && maker.uid === id.uid;
  }

  async #whyItEnds(name: string, { exitCode }: Container, signal: AbortSignal): Promise<Error> {
    return new Error(`the balancer ended at once (exit code ${exitCode}): ${await this.#cli.lastWords(name, signal)}`);
  }
}

/** The options of `create`. */
function createOptions(place: Place, network: string, addresses: readonly string[], ipv6: boolean): readonly string[] {
  const { directory, netns } = place.names;
  return [
    "--name",
    netns,
    ...Object.entries(labelsOf(place)).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
    // Also after a reboot, unless somebody stopped it.
    "--restart",
    "unless-stopped",
    "--network",
    network,
    ...addresses.flatMap((address) => [address.includes(":") ? "--ip6" : "--ip", address]),
    "--cap-add",
    "NET_ADMIN",
    ...(ipv6 ? [...sysctls, ...sysctls6] : sysctls).flatMap((setting) => ["--sysctl", setting]),
    // SELinux would keep it from the directory, which cannot be relabelled everywhere.
    "--security-opt",
    "label=disable",
    "--mount",
    ["type=bind", `source=${directory}`, `target=${mounted}`].map(csvField).join(","),
  ];
}

function csvField(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** As in the namespaces of the other engine; a container cannot set them itself. */
const sysctls: readonly string[] = ["net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0"];
/** Where the kernel has no IPv6 they are not there. */
const sysctls6: readonly string[] = [
  "net.ipv6.conf.all.disable_ipv6=0",
  "net.ipv6.conf.all.forwarding=1",
  "net.ipv6.icmp.ratelimit=0",
];
