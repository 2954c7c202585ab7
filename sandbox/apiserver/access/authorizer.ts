import type { KubeObject } from "../object.ts";
import { storageKey } from "../object.ts";
import { notFound, type StatusError } from "../status.ts";
import type { Store } from "../store.ts";
import { type Attributes, isResource } from "./attributes.ts";
import { allows, type PolicyRule } from "./rules.ts";
import { isMaster, serviceAccountUser, type User } from "./users.ts";

export const rbacGroup = "rbac.authorization.k8s.io";

export interface RoleRef {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

export interface Subject {
  readonly kind: string;
  readonly apiGroup?: string;
  readonly name: string;
  readonly namespace?: string;
}

interface Binding extends KubeObject {
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}

export interface Decision {
  readonly allowed: boolean;
  /** Who allowed it, or why a role that could have allowed it could not be asked. */
  readonly reason: string;
}

/** A rule that somebody has, and which binding gives it. */
interface Grant {
  readonly rule: PolicyRule;
  readonly source: string;
}

/** Decides by the roles and bindings that are stored: what no rule allows is refused. */
export class Authorizer {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  authorize(user: User, attributes: Attributes): Decision {
    if (isMaster(user)) return { allowed: true, reason: "" };
    const problems: string[] = [];
    for (const grant of this.#grants(user, isResource(attributes) ? attributes.namespace : "")) {
      if (typeof grant === "string") problems.push(grant);
      else if (allows(grant.rule, attributes)) return { allowed: true, reason: `RBAC: allowed by ${grant.source}` };
    }
    return { allowed: false, reason: problems.length === 0 ? "" : `rbac: RBAC: ${aggregate(problems)}` };
  }

  /** All rules of a user, in a namespace and beyond; the roles that are missing. */
  rulesOf(user: User, namespace: string): { readonly rules: readonly PolicyRule[]; readonly problem: string } {
    const grants = [...this.#grants(user, namespace)];
    return {
      rules: grants.flatMap((grant) => (typeof grant === "string" ? [] : [grant.rule])),
      problem: aggregate(grants.filter((grant) => typeof grant === "string")),
    };
  }

  /** The rules of the role that a binding names; undefined when there is none. */
  rulesOfRole(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    const found = this.#role(ref, namespace);
    return found instanceof Error ? undefined : found;
  }

  *#grants(user: User, namespace: string): Generator<Grant | string> {
    for (const binding of this.#store.list("clusterrolebindings")) yield* this.#bound(user, binding as Binding, "");
    if (namespace === "") return;
    for (const binding of this.#store.list("rolebindings"))
      if (binding.metadata.namespace === namespace) yield* this.#bound(user, binding as Binding, namespace);
  }

  *#bound(
    user: User,
    { kind, metadata, subjects = [], roleRef }: Binding,
    namespace: string,
  ): Generator<Grant | string> {
    const subject = subjects.find((each) => appliesTo(each, user, namespace));
    if (subject === undefined) return;
    const rules = this.#role(roleRef, namespace);
    if (rules instanceof Error) {
      yield rules.message;
      return;
    }
    const name = namespace === "" ? metadata.name : `${metadata.name}/${namespace}`;
    const source = `${kind} "${name}" of ${roleRef.kind} "${roleRef.name}" to ${describe(subject, namespace)}`;
    for (const rule of rules) yield { rule, source };
  }

  #role({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | StatusError {
    const isOfCluster = kind === "ClusterRole";
    const collection = isOfCluster ? "clusterroles" : "roles";
    const found = this.#store.get(collection, storageKey(isOfCluster ? undefined : namespace, name));
    if (found === undefined) return notFound({ group: rbacGroup, kind: isOfCluster ? "clusterrole" : "role" }, name);
    return (found["rules"] ?? []) as readonly PolicyRule[];
  }
}

function appliesTo({ kind, name, namespace }: Subject, user: User, inNamespace: string): boolean {
  if (kind === "User") return user.name === name;
  if (kind === "Group") return user.groups.includes(name);
  const at = (namespace ?? "") === "" ? inNamespace : (namespace ?? "");
  return at !== "" && user.name === serviceAccountUser({ namespace: at, name });
}

/** As upstream prints it: the name before the namespace. */
function describe({ kind, name, namespace }: Subject, inNamespace: string): string {
  return kind === "ServiceAccount" ? `${kind} "${name}/${namespace ?? inNamespace}"` : `${kind} "${name}"`;
}

/** As k8s.io/apimachinery/pkg/util/errors prints several. */
function aggregate(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length > 1 ? `[${distinct.join(", ")}]` : (distinct[0] ?? "");
}
