import type { Node, Pod } from "../../src/api/index.ts";
import { isPodActive, labelsMatch } from "./objects.ts";

/**
 * Pure: the node for a pod that has none: among those that are ready, not cordoned and carry the labels that the pod
 * asks for, the one with the fewest pods, the first by name among equals. Undefined while there is none.
 */
export function chooseNode(pod: Pod, nodes: readonly Node[], pods: readonly Pod[]): string | undefined {
  const load = Map.groupBy(pods.filter(isPodActive), ({ spec }) => spec?.nodeName);
  return nodes
    .filter((node) => isNodeReady(node) && node.spec?.unschedulable !== true)
    .filter(({ metadata }) => labelsMatch(pod.spec?.nodeSelector ?? {}, metadata.labels))
    .map(({ metadata }) => metadata.name ?? "")
    .sort((a, b) => (load.get(a)?.length ?? 0) - (load.get(b)?.length ?? 0) || a.localeCompare(b))[0];
}

function isNodeReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
}
