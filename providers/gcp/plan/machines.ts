import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import { targetSubset } from "../../../src/model/index.ts";
import type { Endpoint } from "../resources.ts";
import type { Settings } from "../settings.ts";

/** The machine of a node. */
export interface Machine extends Endpoint {
  readonly zone: string;
}

const form = /^gce:\/\/([^/]+)\/(([^/]+)-[^/-]+)\/([^/]+)$/;

/** The name of a node's machine, wherever that is. */
export function instanceOf({ providerId = "" }: NodeTarget): string | undefined {
  return form.exec(providerId)?.[4];
}

/** The nodes that are machines of this project and region; no other can be in a group. */
export function machinesOf(nodes: readonly NodeTarget[], { project, region }: Settings): readonly Machine[] {
  return nodes.flatMap((node) => {
    const [, ofProject, zone, ofRegion, instance] = form.exec(node.providerId ?? "") ?? [];
    if (ofProject !== project || ofRegion !== region || zone === undefined || instance === undefined) return [];
    return [{ zone, instance }];
  });
}

/** As many as Google Cloud lets one load balancer of the kind have, fairly from all zones and steadily the same. */
export function chosenMachines(
  lb: DesiredLoadBalancer,
  isInternal: boolean,
  nodes: readonly NodeTarget[],
  settings: Settings,
): readonly Machine[] {
  const eligible = nodes.filter((node) => machinesOf([node], settings).length > 0);
  return machinesOf(targetSubset(eligible, maxMachines(lb, isInternal), lb.id.uid), settings);
}

/** As many as one load balancer of the kind can have. */
export function maxMachines({ externalTrafficPolicy }: DesiredLoadBalancer, isInternal: boolean): number {
  if (externalTrafficPolicy === "Local") return isInternal ? 250 : 3000;
  return isInternal ? 25 : 250;
}
