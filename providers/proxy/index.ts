// Load balancers outside the cluster: each is one `berth balancer` process in a network namespace or container of its
// own, with an address of its own, sending TCP and UDP to node:NodePort. Invariant: everything that belongs to one is
// found by names that follow from its identity, and nothing is touched that is not proved to be ours. Balancers outlive
// the controller.
import { join, resolve } from "node:path";
import { systemExec } from "../../src/kernel/index.ts";
import type { ProviderContext, ProviderModule } from "../../src/provider/index.ts";
import { ProxyAdapter } from "./adapter.ts";
import type { Addressing } from "./addressing.ts";
import { SystemRuntime, type SystemRuntimeOptions } from "./client.ts";
import { engineOf } from "./engines/choice.ts";
import { ContainerEngine, checkContainers, containersOf } from "./engines/container/index.ts";
import { checkMachine, NamespaceEngine, type NamespaceEngineOptions, networkOf } from "./engines/namespace/index.ts";
import { namesIn } from "./files.ts";
import { namesOf } from "./names.ts";

export const provider: ProviderModule = {
  name: "proxy",
  flags: [
    {
      flag: "--proxy-engine <name>",
      description:
        "where balancers run: namespace, docker or podman (default: $KIND_EXPERIMENTAL_PROVIDER, else namespace)",
    },
    { flag: "--proxy-bridge <name>", description: "namespace: bridge on which load balancers, nodes and clients meet" },
    {
      flag: "--proxy-netns <name>",
      description: "namespace: network namespace of the bridge (default: the controller's own)",
    },
    {
      flag: "--proxy-network <cidrs>",
      description: "namespace: networks on the bridge, one per family, separated by commas",
    },
    {
      flag: "--proxy-container-network <name>",
      description:
        "docker, podman: network of the nodes (default: $KIND_EXPERIMENTAL_DOCKER_NETWORK or _PODMAN_NETWORK, else kind)",
    },
    { flag: "--proxy-image <name>", description: "docker, podman: image of berth (default: berth:latest)" },
  ],
  async create(context: ProviderContext): Promise<ProxyAdapter> {
    const { flags, environment, berth, clock } = context;
    const exec = systemExec(environment);
    const engine = engineOf(flags, environment);
    if (engine === "namespace") {
      const network = networkOf(flags);
      await checkMachine(exec, network);
      return createNamespaceProvider({
        ...context,
        network,
        balancerCommand: [...berth, "balancer"],
        environment,
        exec,
        clock,
      });
    }
    const settings = containersOf(engine, flags, environment);
    await checkContainers(exec, settings);
    return createProvider({
      ...context,
      engine: (requests) => new ContainerEngine({ ...settings, exec }, requests),
      addressing: { kind: "engine" },
    });
  },
};

type Common = Omit<SystemRuntimeOptions, "engine">;

export function createNamespaceProvider(options: Common & NamespaceEngineOptions): ProxyAdapter {
  return createProvider({
    ...options,
    engine: (requests) => new NamespaceEngine(options, requests),
    addressing: { kind: "pool", prefixes: options.network.prefixes },
  });
}

export function createProvider(options: SystemRuntimeOptions & { readonly addressing: Addressing }): ProxyAdapter {
  // Balancers are started from another working directory.
  const runtime = new SystemRuntime({ ...options, stateDir: resolve(options.stateDir) });
  return new ProxyAdapter(runtime, options.addressing);
}

/** The namespaces of all load balancers that have a directory in `stateDir`, of whatever cluster. */
export async function balancerNamespaces(stateDir: string): Promise<readonly string[]> {
  const all = (await namesIn(stateDir)).map(async (clusterId) =>
    (await namesIn(join(stateDir, clusterId))).map((uid) => namesOf(stateDir, { clusterId, uid }).netns),
  );
  return (await Promise.all(all)).flat().sort();
}
