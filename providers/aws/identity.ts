import { createHash } from "node:crypto";
import type { LbIdentity } from "../../src/model/index.ts";
import { ProviderError } from "../../src/provider/index.ts";
import type { Pairs } from "./schema/index.ts";

/** What tells our objects from all others, and from each other. */
export const tagKeys = {
  cluster: "berth.dev/cluster",
  uid: "berth.dev/service-uid",
  service: "berth.dev/service",
  /** The port of a listener or target group. */
  port: "berth.dev/port",
  /** Its Service is gone and it stays. */
  retained: "berth.dev/retained",
  /** Which tags are the user's, so that one that is not asked for any more can be taken away. */
  users: "berth.dev/user-tags",
  /** Why there is a rule in a security group of nodes: `nodes`, or the UID of the Service that needs it. */
  rule: "berth.dev/rule",
} as const;

/** No name of a tag has it. */
const separator = "=";

export function ownerTags({ clusterId, uid, namespace, name }: LbIdentity): Pairs {
  return { [tagKeys.cluster]: clusterId, [tagKeys.uid]: uid, [tagKeys.service]: `${namespace}/${name}` };
}

/** Those of an object of a Service: ours and the user's. */
export function tagsOf(id: LbIdentity, users: Pairs, port?: number): Pairs {
  const names = Object.keys(users).sort();
  return {
    ...users,
    ...(names.length > 0 && { [tagKeys.users]: names.join(separator) }),
    ...(port !== undefined && { [tagKeys.port]: `${port}` }),
    ...ownerTags(id),
  };
}

/** The names of tags that a user asked for when an object was last changed. */
export function userTagNames(tags: Pairs): readonly string[] {
  return (tags[tagKeys.users] ?? "").split(separator).filter((name) => name !== "");
}

export function isOwn(tags: Pairs, { clusterId, uid }: Pick<LbIdentity, "clusterId" | "uid">): boolean {
  return tags[tagKeys.cluster] === clusterId && tags[tagKeys.uid] === uid;
}

/** Throws when what has a name that we need is not ours. */
export function refuseForeign(what: string, tags: Pairs, id: Pick<LbIdentity, "clusterId" | "uid">): void {
  if (isOwn(tags, id)) return;
  const cluster = tags[tagKeys.cluster];
  const owner =
    cluster === id.clusterId
      ? "another Service of this cluster"
      : cluster !== undefined
        ? `cluster ${cluster}`
        : "somebody without Berth's tags";
  throw new ProviderError({ kind: "conflict", owner }, `${what} exists and is not of this Service`);
}

/** `k8s-<namespace>-<name>-<hash>`, at most 32 letters, digits and hyphens; the hash is of the parts. */
export function hashName({ namespace, name, clusterId, uid }: LbIdentity, ...parts: readonly string[]): string {
  const hash = createHash("sha256")
    .update([clusterId, uid, ...parts].join("\0"))
    .digest("hex")
    .slice(0, 10);
  return `k8s-${short(namespace)}-${short(name)}-${hash}`;
}

/** The security group that all load balancers of a cluster have. */
export function backendGroupName(clusterId: string): string {
  return `berth-nodes-${createHash("sha256").update(clusterId).digest("hex").slice(0, 10)}`;
}

function short(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 8);
}
