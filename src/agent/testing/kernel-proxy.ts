import { systemClock } from "../../base/index.ts";
import { type Exec, type Flavour, flavouredExec, inputText } from "../../kernel/index.ts";
import { createMetrics, nullLogger } from "../../telemetry/index.ts";
import { AgentMetrics } from "../metrics.ts";
import type { NodeSettings } from "../node-facts.ts";
import { NodeProxy } from "../node-proxy.ts";
import { SyncHealth } from "../sync-health.ts";
import { nodeSettings } from "./settings.ts";
import type { MemoryState } from "./state.ts";

/** The same programs of one backend; `seen` is told of each restore's input. */
export function flavourExec(inside: Exec, flavour: Flavour, seen: (restore: string) => void = () => {}): Exec {
  const flavoured = flavouredExec(inside, flavour);
  return {
    run(program, args, options) {
      // Pieces can be read once.
      const stdin = inputText(options.stdin);
      if (program.endsWith("-restore")) seen(stdin);
      return flavoured.run(program, args, { ...options, stdin });
    },
  };
}

const nodeAddresses = [
  "127.0.0.1",
  "10.244.1.1",
  "10.244.2.1",
  "192.0.2.1",
  "192.0.2.9",
  "::1",
  "fd00:244:1::1",
  "fd00:244:2::1",
  "fd00:c::1",
  "fd00:c::9",
];

/** A proxy for the node of `Network`. */
export function kernelProxy(exec: Exec, state: MemoryState, own: Partial<NodeSettings> = {}): NodeProxy {
  const settings = nodeSettings({
    localTraffic: {
      mode: "ClusterCIDR",
      cidrs: new Map([
        ["IPv4", "10.244.0.0/16"],
        ["IPv6", "fd00:244::/32"],
      ]),
    },
    reservedPorts: [],
    ...own,
  });
  return new NodeProxy({
    settings,
    state,
    exec,
    localAddresses: () => nodeAddresses,
    localSockets: async () => [],
    health: new SyncHealth(settings.families, systemClock),
    healthPorts: { update: async () => 0 },
    metrics: new AgentMetrics(createMetrics()),
    logger: {
      ...nullLogger,
      error(message, fields) {
        // Else it would be tried again later, and the test go on without.
        if (message === "rules not programmed") throw fields?.err;
      },
    },
    clock: systemClock,
  });
}
