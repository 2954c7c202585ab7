import type { Service } from "../../api/index.ts";
import type { Classes, LbIdentity } from "../../model/index.ts";
import type { OwnedObject } from "../../provider/index.ts";
import { holdersOf } from "../leftovers.ts";

/** By the UID of each Service, the providers whose business it is. */
export type Holders = ReadonlyMap<string, readonly string[]>;

/** All that a provider keeps for one Service that does not want it. */
export interface Orphan {
  readonly id: LbIdentity;
  readonly references: readonly string[];
  readonly addresses: readonly string[];
  /** A part of it bears the tag of what is to stay. */
  readonly retained: boolean;
}

export function holdersIn(services: readonly Service[], classes: Classes): Holders {
  return new Map(services.map((service) => [service.metadata.uid ?? "", holdersOf(service, classes)]));
}

/** What no Service of the provider has, by namespace, name and UID; what load balancers share is not among it. */
export function orphansAmong(provider: string, owned: readonly OwnedObject[], holders: Holders): readonly Orphan[] {
  const found = new Map<string, Orphan>();
  for (const { scope, ref, retained, addresses } of owned) {
    if (scope.kind === "shared" || holders.get(scope.id.uid)?.includes(provider) === true) continue;
    const known = found.get(scope.id.uid);
    found.set(scope.id.uid, {
      id: scope.id,
      references: [...new Set([...(known?.references ?? []), ref])].sort(),
      addresses: [...(known?.addresses ?? []), ...addresses],
      retained: retained || known?.retained === true,
    });
  }
  return [...found.values()].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

function sortKey({ id: { namespace, name, uid } }: Orphan): string {
  return `${namespace}/${name} ${uid}`;
}
