// Layer 4 load balancers of Google Cloud: passthrough, by backend services with a group of single machines per zone.
// Packets and probes arrive at the nodes with the load balancer's own address, which the agents serve. Invariant: what
// does not say in its description that it is ours is never changed; the npm client is loaded by `client.ts` alone, once
// this provider is asked for.
import { errorMessage, FailureError } from "../../src/base/index.ts";
import { type ProviderContext, type ProviderModule, Requests } from "../../src/provider/index.ts";
import { GcpAdapter } from "./adapter.ts";
import { ComputeClient, type Connection, connect } from "./client.ts";
import { endpointOf, flags, settingsOf } from "./flags.ts";
import { Reader } from "./reader.ts";
import { Refusals } from "./refusals.ts";
import type { Settings } from "./settings.ts";
import { Writer } from "./writer.ts";

export const provider: ProviderModule = {
  name: "gcp-l4",
  flags,
  async create(context: ProviderContext): Promise<GcpAdapter> {
    const settings = settingsOf(context);
    const endpoint = endpointOf(context);
    return createAdapter({ ...context, settings, connection: await connected(endpoint) });
  },
};

/** Google's library finds credentials at once, or tells that there are none. */
async function connected(endpoint: URL | undefined): Promise<Connection> {
  try {
    return await connect(endpoint);
  } catch (error) {
    const remedy = "give the controller credentials of Google Cloud (Application Default Credentials)";
    throw new FailureError(`gcp-l4: ${errorMessage(error)}; ${remedy}`, { cause: error });
  }
}

/** What the provider is made from once its flags are read. */
export interface GcpOptions extends Pick<ProviderContext, "fence" | "requestLimits" | "clock"> {
  readonly settings: Settings;
  readonly connection: Connection;
  /** How soon to ask again how far an operation is. */
  readonly pollMs?: number;
}

export function createAdapter({
  settings,
  connection,
  fence,
  requestLimits,
  clock,
  pollMs = 1000,
}: GcpOptions): GcpAdapter {
  const client = new ComputeClient(connection, new Requests({ ...requestLimits, fence, clock }));
  const refusals = new Refusals(clock);
  const writer = new Writer({ client, settings, refusals, clock, pollMs });
  return new GcpAdapter(new Reader(client, settings, refusals), writer, settings, clock);
}
