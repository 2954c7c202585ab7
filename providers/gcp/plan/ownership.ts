import { ProviderError } from "../../../src/provider/index.ts";
import { type Owner, ownerText, parseOwner, sameOwner } from "../owner.ts";
import { type Resource, refOf, refText } from "../resources.ts";

export function isOwn(resource: Resource, owner: Owner): boolean {
  const found = parseOwner(resource.description);
  return found !== undefined && sameOwner(found, owner);
}

/** Whether one of this kind and name is there, whoever made it. */
export function hasName(wanted: Resource, found: readonly Resource[]): boolean {
  const text = refText(refOf(wanted));
  return found.some((resource) => refText(refOf(resource)) === text);
}

/** Throws a conflict for what exists where one of ours has to be, and is not ours. */
export function refuseForeign(wanted: readonly Resource[], found: readonly Resource[], owner: Owner): void {
  const names = new Set(wanted.map((resource) => refText(refOf(resource))));
  const foreign = found.find((resource) => names.has(refText(refOf(resource))) && !isOwn(resource, owner));
  if (foreign === undefined) return;
  const whose = ownerText(foreign.description);
  throw new ProviderError({ kind: "conflict", owner: whose }, `${refText(refOf(foreign))} belongs to ${whose}`);
}
