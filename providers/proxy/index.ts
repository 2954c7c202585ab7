// Load balancers outside the cluster: each is one `berth balancer` process in a network namespace of its own, with an
// address of its own on a bridge, sending TCP and UDP to node:NodePort. Invariant: everything that belongs to one is
// found by names that follow from its identity, and nothing is touched that lacks its directory. Balancers outlive
// the controller; addresses come from the controller's pools.
import { join, resolve } from "node:path";
import { FailureError, UsageError } from "../../src/base/index.ts";
import { type Exec, findLink, listNetns, netnsExec, systemExec } from "../../src/kernel/index.ts";
import { type Cidr, parseCidr } from "../../src/net/index.ts";
import type { ProviderContext, ProviderModule } from "../../src/provider/index.ts";
import { ProxyAdapter } from "./adapter.ts";
import { SystemRuntime, type SystemRuntimeOptions } from "./client.ts";
import { namesIn } from "./files.ts";
import { namesOf } from "./names.ts";
import { missingBridge, type Network } from "./network.ts";

export type { ProxyAdapter } from "./adapter.ts";
export type { Network } from "./network.ts";

export const provider: ProviderModule = {
  name: "proxy",
  flags: [
    { flag: "--proxy-bridge <name>", description: "bridge on which load balancers, nodes and clients meet" },
    { flag: "--proxy-netns <name>", description: "network namespace of the bridge (default: the controller's own)" },
    { flag: "--proxy-network <cidrs>", description: "networks on the bridge, one per family, separated by commas" },
  ],
  async create({
    flags,
    clusterId,
    stateDir,
    berth,
    environment,
    fence,
    requestLimits,
    clock,
  }: ProviderContext): Promise<ProxyAdapter> {
    const network = networkOf(flags);
    const exec = systemExec(environment);
    await checkMachine(exec, network);
    const balancerCommand = [...berth, "balancer"];
    const machine = { network, balancerCommand, environment, exec };
    return createProxyProvider({ stateDir, clusterId, ...machine, fence, requestLimits, clock });
  },
};

export function createProxyProvider(options: SystemRuntimeOptions): ProxyAdapter {
  // Balancers are started from another working directory.
  const runtime = new SystemRuntime({ ...options, stateDir: resolve(options.stateDir) });
  return new ProxyAdapter(runtime, options.network.prefixes);
}

/** The namespaces of all load balancers that have a directory in `stateDir`, of whatever cluster. */
export async function balancerNamespaces(stateDir: string): Promise<readonly string[]> {
  const all = (await namesIn(stateDir)).map(async (clusterId) =>
    (await namesIn(join(stateDir, clusterId))).map((uid) => namesOf(stateDir, { clusterId, uid }).netns),
  );
  return (await Promise.all(all)).flat().sort();
}

/** Throws `UsageError` that names the flag. */
function networkOf(flags: ProviderContext["flags"]): Network {
  const bridge = flags["proxy-bridge"];
  if (bridge === undefined || !/^[^\s/:]{1,15}$/.test(bridge))
    throw new UsageError(`--proxy-bridge: ${JSON.stringify(bridge ?? "")} is no interface name; give that of a bridge`);
  const text = flags["proxy-network"];
  if (text === undefined)
    throw new UsageError("--proxy-network: missing; give the networks on the bridge, such as 10.89.0.0/16,fd89::/64");
  const prefixes = text.split(",").map((part): Cidr => {
    const prefix = parseCidr(part.trim());
    if (prefix === undefined)
      throw new UsageError(`--proxy-network: ${JSON.stringify(part)} is no prefix; give ADDRESS/BITS, as 10.89.0.0/16`);
    return prefix;
  });
  return { netns: flags["proxy-netns"], bridge, prefixes };
}

/** What balancers and their namespaces are made with. */
const programs = ["ip", "nsenter", "nft", "conntrack"] as const;

async function checkMachine(exec: Exec, network: Network): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  if (process.geteuid?.() !== 0)
    throw new FailureError("the proxy provider makes network namespaces; run the controller as root");
  for (const program of programs) await exec.run(program, [program === "ip" ? "-Version" : "--version"], { signal });
  if (network.netns !== undefined && !(await listNetns(exec, { signal })).includes(network.netns))
    throw new FailureError(`--proxy-netns: there is no network namespace ${network.netns}; 'ip netns list' shows them`);
  const where = network.netns === undefined ? exec : netnsExec(exec, network.netns);
  if ((await findLink(where, network.bridge, { signal })) === undefined)
    throw new FailureError(`--proxy-bridge: ${missingBridge(network)}; make it, or name another`);
}
