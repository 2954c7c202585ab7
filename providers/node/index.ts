// Load balancers on the addresses of the nodes themselves: the status of a Service lists the addresses of nodes, and the
// agents' rules for load-balancer addresses do the rest. Invariant: it makes nothing outside the API server, so there is
// nothing to observe, to clean up or to leave behind. Which nodes these are, and which Service has a port of one, is the
// controller's business.
import type { ProviderContext, ProviderModule } from "../../src/provider/index.ts";
import { NodeAdapter } from "./adapter.ts";

export const provider: ProviderModule = {
  name: "node",
  flags: [],
  create({ reservedPorts }: ProviderContext): Promise<NodeAdapter> {
    return Promise.resolve(new NodeAdapter(reservedPorts));
  },
};
