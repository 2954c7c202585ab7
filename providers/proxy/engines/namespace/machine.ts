import { FailureError, UsageError } from "../../../../src/base/index.ts";
import { type Exec, findLink, listNetns, netnsExec } from "../../../../src/kernel/index.ts";
import { type Cidr, parseCidr } from "../../../../src/net/index.ts";
import type { ProviderContext } from "../../../../src/provider/index.ts";
import { missingBridge, type Network } from "./network.ts";

/** Throws `UsageError` that names the flag. */
export function networkOf(flags: ProviderContext["flags"]): Network {
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

/** Throws `FailureError` that says what lacks. */
export async function checkMachine(exec: Exec, network: Network): Promise<void> {
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
