import type { ResourceType } from "../resource-type.ts";

/** What a URL path names. */
export interface ResourcePath {
  readonly type: ResourceType;
  /** Undefined for objects of the cluster and for a list over all namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** Under `/watch/`, the old way to ask for one. */
  readonly isWatch: boolean;
}

/** Finds the type and the object that a path names; undefined when it names none. */
export function parseResourcePath(types: readonly ResourceType[], path: string): ResourcePath | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  const group = parts[0] === "api" ? "" : parts[0] === "apis" ? parts[1] : undefined;
  if (group === undefined) return undefined;
  const [version, ...tail] = parts.slice(group === "" ? 1 : 2).map(decoded);
  const isWatch = tail[0] === "watch";
  const rest = isWatch ? tail.slice(1) : tail;
  const find = (plural: string | undefined): ResourceType | undefined =>
    types.find((type) => type.group === group && type.version === version && type.plural === plural);

  const inNamespace = rest[0] === "namespaces" && rest.length > 2 ? find(rest[2]) : undefined;
  if (inNamespace?.namespaced === true) {
    const [, namespace, , name, subresource, ...more] = rest;
    return more.length > 0 ? undefined : { type: inNamespace, namespace, name, subresource, isWatch };
  }
  const type = find(rest[0]);
  const [, name, subresource, ...more] = rest;
  // An object of a namespace cannot be named without it.
  if (type === undefined || more.length > 0 || (type.namespaced && name !== undefined)) return undefined;
  return { type, namespace: undefined, name, subresource, isWatch };
}

/** A part that is wrongly encoded names nothing, as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
