import { existsSync } from "node:fs";
import { FailureError } from "../../src/base/index.ts";
import type { Child } from "../contract/child.ts";
import { kubeProxyArguments, kubeProxyPath } from "../kube-binaries/kube-proxy.ts";
import type { FlavourEnvironment } from "../tools/iptables-flavour.ts";
import { enterNetns } from "../tools/node-namespace.ts";

export const proxyNames = ["kube-proxy", "berth agent"] as const;
export type ProxyName = (typeof proxyNames)[number];

/** The node on which a proxy is started. */
export interface ProxyPlace {
  readonly netns: string;
  /** Says which iptables it finds. */
  readonly environment: FlavourEnvironment;
  readonly kubeconfig: string;
  readonly node: string;
}

const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;

export function requireKubeProxy(): void {
  if (!existsSync(kubeProxyPath))
    throw new FailureError(`${kubeProxyPath} is missing; run e2e/kube-binaries/build (needs Go)`);
}

/**
 * Starts one of the two with the very same command line. A flag in `flags` takes the place of the usual one; one
 * without a value, as in `--cluster-cidr=`, is left out.
 */
export function startProxy(name: ProxyName, place: ProxyPlace, flags: readonly string[] = []): Child {
  const usual = [...kubeProxyArguments(place.kubeconfig, place.node), "--iptables-min-sync-period=100ms"];
  const args = [...new Map([...usual, ...flags].map((flag) => [flag.split("=")[0], flag])).values()];
  return run(
    name,
    place,
    args.filter((flag) => !flag.endsWith("=")),
  );
}

/** Runs `kube-proxy --cleanup` or `berth agent cleanup` to its end. */
export async function cleanUp(name: ProxyName, place: ProxyPlace): Promise<void> {
  await using child = run(name, place, name === "kube-proxy" ? ["--cleanup"] : ["cleanup"]);
  if ((await child.end()) !== 0) throw child.failure("failed to clean up");
}

function run(name: ProxyName, { netns, environment }: ProxyPlace, args: readonly string[]): Child {
  return name === "kube-proxy"
    ? enterNetns(netns, kubeProxyPath, args, { environment })
    : enterNetns(netns, process.execPath, [main, "agent", ...args], { environment });
}

/** Ends it as a node does that replaces it, and waits until it is gone. */
export async function stopProxy(child: Child): Promise<void> {
  child.signal("SIGTERM");
  await child.end();
}
