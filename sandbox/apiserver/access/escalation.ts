import { type KubeObject, sameJson } from "../object.ts";
import { type ResourceType, resourceOf } from "../resource-type.ts";
import { forbidden, notFound } from "../status.ts";
import { type Authorizer, type RoleRef, rbacGroup } from "./authorizer.ts";
import { describeRights, goStrings, missingRights, type PolicyRule } from "./rules.ts";
import { isMaster, type User } from "./users.ts";

/** A write of a role or a binding. */
export interface Grant {
  readonly user: User;
  readonly type: ResourceType;
  /** Empty for what is of the whole cluster. */
  readonly namespace: string;
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
}

/** An aggregated role may come to hold anything. */
const everything: readonly PolicyRule[] = [
  { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
  { nonResourceURLs: ["*"], verbs: ["*"] },
];

/** Throws Forbidden when a role or binding would give rights that who writes it does not have. */
export function checkEscalation(authorizer: Authorizer, grant: Grant): void {
  const { user, type, namespace, object, old } = grant;
  if (type.group !== rbacGroup || isMaster(user) || (old !== undefined && isCollectors(object, old))) return;
  if (mayGiveAll(authorizer, grant)) return;
  const refuse = (why: string): Error => forbidden(resourceOf(type), object.metadata.name ?? "", why);
  const { rules } = authorizer.rulesOf(user, namespace);
  const missing = missingRights(rules, givenBy(authorizer, grant));
  if (missing.length > 0)
    throw refuse(
      `user ${JSON.stringify(user.name)} (groups=${goStrings(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${describeRights(missing)}`,
    );
  const isAggregated = [object, old].some((each) => each?.["aggregationRule"] !== undefined);
  if (isAggregated && missingRights(rules, everything).length > 0)
    throw refuse("must have cluster-admin privileges to use the aggregationRule");
}

/** By the verb `escalate` on the role, or `bind` on the role that a binding names. */
function mayGiveAll(authorizer: Authorizer, { user, type, namespace, object, old }: Grant): boolean {
  const ask = (verb: string, resource: string, name: string): boolean =>
    authorizer.authorize(user, { verb, group: rbacGroup, resource, subresource: "", namespace, name }).allowed;
  const ref = object["roleRef"] as RoleRef | undefined;
  if (ref !== undefined) return ask("bind", ref.kind === "Role" ? "roles" : "clusterroles", ref.name);
  // The path of a creation names no object.
  return ask("escalate", type.plural, old?.metadata.name ?? "");
}

function givenBy(authorizer: Authorizer, { type, namespace, object }: Grant): readonly PolicyRule[] {
  const ref = object["roleRef"] as RoleRef | undefined;
  if (ref === undefined) return (object["rules"] ?? []) as readonly PolicyRule[];
  const rules = authorizer.rulesOfRole(ref, namespace);
  // Upstream says it of the role under the name of the bindings.
  if (rules === undefined) throw notFound(resourceOf(type), ref.name);
  return rules;
}

/** Whether only finalizers and owners change: what the garbage collector writes. */
function isCollectors(object: KubeObject, old: KubeObject): boolean {
  const { finalizers, ownerReferences } = old.metadata;
  return sameJson({ ...object, metadata: { ...object.metadata, finalizers, ownerReferences } }, old);
}
