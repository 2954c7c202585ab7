import type { LbIdentity } from "../../src/model/index.ts";

/** Whose a resource is: one Service's, or all those of a cluster. */
export type Owner =
  | { readonly kind: "service"; readonly id: LbIdentity; readonly retained: boolean }
  | {
      readonly kind: "shared";
      readonly clusterId: string;
      readonly name: string;
      /** Projects beside that of the flags in which there may be firewall rules of the cluster. */
      readonly projects?: readonly string[];
    };

const keys = {
  cluster: "berth.dev/cluster",
  service: "berth.dev/service",
  uid: "berth.dev/service-uid",
  shared: "berth.dev/shared",
  projects: "berth.dev/network-projects",
  retained: "berth.dev/retained",
} as const;

/** The description that makes a resource ours: the only field that each of them has and that nothing else reads. */
export function renderOwner(owner: Owner): string {
  if (owner.kind === "shared") {
    const { projects = [], name, clusterId } = owner;
    const whose = { [keys.cluster]: clusterId, [keys.shared]: name };
    return JSON.stringify({ ...whose, ...(projects.length > 0 && { [keys.projects]: projects.join(",") }) });
  }
  const { clusterId, namespace, name, uid } = owner.id;
  return JSON.stringify({
    [keys.cluster]: clusterId,
    [keys.service]: `${namespace}/${name}`,
    [keys.uid]: uid,
    ...(owner.retained && { [keys.retained]: "true" }),
  });
}

/** Undefined when the description is none of ours. */
export function parseOwner(description: string): Owner | undefined {
  const found = objectOf(description);
  const { [keys.cluster]: clusterId, [keys.shared]: shared, [keys.service]: service, [keys.uid]: uid } = found;
  if (clusterId === undefined) return undefined;
  if (shared !== undefined) {
    const projects = found[keys.projects]?.split(",");
    return { kind: "shared", clusterId, name: shared, ...(projects !== undefined && { projects }) };
  }
  const [namespace, name, ...rest] = (service ?? "").split("/");
  if (namespace === undefined || name === undefined || rest.length > 0 || uid === undefined) return undefined;
  return { kind: "service", id: { clusterId, uid, namespace, name }, retained: found[keys.retained] === "true" };
}

/** Whether both are the same one's, retained or not. */
export function sameOwner(a: Owner, b: Owner): boolean {
  if (a.kind === "service" && b.kind === "service") return a.id.clusterId === b.id.clusterId && a.id.uid === b.id.uid;
  return a.kind === "shared" && b.kind === "shared" && a.clusterId === b.clusterId && a.name === b.name;
}

/** Whose it is, for people. */
export function ownerText(description: string): string {
  const owner = parseOwner(description);
  if (owner === undefined) return description === "" ? "somebody who left no description" : JSON.stringify(description);
  if (owner.kind === "shared") return `${owner.name} of cluster ${owner.clusterId}`;
  return `Service ${owner.id.namespace}/${owner.id.name} (${owner.id.uid}) of cluster ${owner.id.clusterId}`;
}

function objectOf(text: string): Readonly<Record<string, string | undefined>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter(([, item]) => typeof item === "string"));
  } catch {
    return {};
  }
}
