import { ProviderError } from "../../../src/provider/index.ts";
import { linkPath, networkLink } from "../links.ts";
import type { Group } from "../resources.ts";
import type { Settings } from "../settings.ts";

/** Throws `blocked`: the network of a group, and so of all of a load balancer, is that in which it was made. */
export function refuseOtherNetwork(own: readonly Group[], settings: Settings): void {
  const wanted = linkPath(networkLink(settings));
  const other = own.map(({ network = wanted }) => linkPath(network)).find((network) => network !== wanted);
  if (other === undefined) return;
  const remedy =
    "delete the Service and make it anew, or let its class or the controller's flags name that network again";
  const message = `its groups are in ${other} and cannot come into ${wanted}`;
  throw new ProviderError({ kind: "blocked", reason: "NetworkChanged", remedy }, message);
}
