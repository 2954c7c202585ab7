import type { Node } from "../api/index.ts";
import { type Clock, onAbort } from "../base/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { nodeEligible } from "./node-facts.ts";

/** A Node that may come, change and go. */
export interface NodeSource {
  node(): Node | undefined;
  onNode(listener: () => void): Disposable;
}

/** Tells, until disposed, when load balancers may no longer send here, and when they may again. */
export function tellEligibility(source: NodeSource, nodeName: string, logger: Logger): Disposable {
  let told: string | undefined;
  function look(): void {
    const why = objection(source.node());
    if (why === told) return;
    if (why !== undefined)
      logger.warn("load balancers are told not to send here: /healthz is 503", { node: nodeName, why });
    else logger.info("load balancers may send here again", { node: nodeName });
    told = why;
  }
  look();
  return source.onNode(look);
}

function objection(node: Node | undefined): string | undefined {
  if (node === undefined)
    return "there is no Node object of this name; --hostname-override must be the name of the Node object";
  if (node.metadata.deletionTimestamp !== undefined) return "the Node is being deleted";
  return nodeEligible(node) ? undefined : "a taint says that the node is about to go";
}

/** As long as kube-proxy waits. */
const patienceMs = 300_000;

/**
 * Resolves when the Node has its pod prefixes, or after five minutes: without them pods are not told from others, and
 * rules that change under connections are worse than late ones.
 */
export async function untilPodPrefixes(
  source: NodeSource,
  nodeName: string,
  logger: Logger,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (hasPodPrefixes(source.node())) return;
  logger.info("waiting for spec.podCIDRs of the Node; no rule is written yet", { node: nodeName });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  using _node = source.onNode(() => {
    if (hasPodPrefixes(source.node())) resolve(true);
  });
  using _limit = clock.schedule(() => resolve(false), patienceMs);
  using _abort = onAbort(signal, () => resolve(false));
  if ((await promise) || signal.aborted) return;
  logger.warn("no spec.podCIDRs yet: rules are written that do not tell pods of this node from others", {
    node: nodeName,
    why: "the controller manager gives them with --allocate-node-cidrs; without it use another --detect-local-mode",
  });
}

function hasPodPrefixes(node: Node | undefined): boolean {
  return (node?.spec?.podCIDRs ?? []).length > 0 || (node?.spec?.podCIDR ?? "") !== "";
}
