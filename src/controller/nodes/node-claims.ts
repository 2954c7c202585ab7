import { AddressClaims, claimantOf, type NodeSet, type NodeTarget } from "../../model/index.ts";
import { formatIp } from "../../net/index.ts";
import type { Issue } from "../../provider/index.ts";
import { conflictMessage } from "./port-conflicts.ts";
import type { NodeRequest } from "./service-nodes.ts";

/** What is left of nodes after what older Services have. */
export interface Claimed {
  readonly left: NodeSet;
  /** What others have. */
  readonly conflict: Issue | undefined;
  /** Other Services for which the claim may change something. */
  readonly touched: ReadonlySet<string>;
}

/** Settles which Service has which port of which node. */
export class NodeClaims {
  readonly #claims = new AddressClaims();
  /** The addresses of sets that many Services have in common. */
  readonly #addresses = new WeakMap<NodeSet, ReadonlyMap<string, NodeTarget>>();

  /** `nodes`: with the addresses at which they would serve it. */
  claim(key: string, { service, lb }: NodeRequest, nodes: NodeSet): Claimed {
    const byAddress = this.#addresses.getOrInsertComputed(nodes, () => addressesOf(nodes));
    const addresses = new Set(byAddress.keys());
    const ports = lb.ports.map(({ protocol, port }) => `${protocol} port ${port}`);
    const touched = this.#claims.set(claimantOf(service, key), { addresses, ports });
    const losses = this.#claims.losses(key);
    if (losses.length === 0) return { left: nodes, conflict: undefined, touched };
    const lost = new Set(losses.map(({ address }) => address));
    const message = conflictMessage(
      lb.id.namespace,
      losses.map((loss) => ({ ...loss, node: byAddress.get(loss.address)?.name ?? "" })),
    );
    const conflict: Issue = { path: "spec.ports", severity: "degrade", reason: "PortConflict", message };
    return { left: { ...nodes, targets: nodes.targets.flatMap((target) => rest(target, lost)) }, conflict, touched };
  }

  /** Returns the Services for which that changes something. */
  forget(key: string): ReadonlySet<string> {
    return this.#claims.forget(key);
  }
}

function addressesOf({ targets }: NodeSet): ReadonlyMap<string, NodeTarget> {
  return new Map(targets.flatMap((target) => target.addresses.map((ip) => [formatIp(ip), target])));
}

function rest(target: NodeTarget, lost: ReadonlySet<string>): readonly NodeTarget[] {
  const addresses = target.addresses.filter((ip) => !lost.has(formatIp(ip)));
  return addresses.length === 0 ? [] : [{ ...target, addresses }];
}
