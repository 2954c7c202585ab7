// Roles, their bindings, and the reviews of rbac.authorization.k8s.io and its neighbours.

import { type RoleRef, rbacGroup, type Subject } from "../access/authorizer.ts";
import { type PolicyRule } from "../access/rules.ts";
import { type FieldError, invalid, notSupported, required } from "../field-error.ts";
import { asList, isMap, type JsonMap, type KubeObject, sameJson } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { pathSegmentErrors, subdomainErrors } from "../words.ts";

/** Whatever may stand in a path: `system:discovery`. */
const nameErrors = (): readonly string[] => [];

export const roleBehaviour: Behaviour = {
  nameErrors,
  default: settleRules,
  validate: (role) => ruleErrors(role, true),
};

export const clusterRoleBehaviour: Behaviour = {
  nameErrors,
  default: settleRules,
  validate(role) {
    const aggregation = role["aggregationRule"] as { clusterRoleSelectors?: unknown[] } | undefined;
    const isEmpty = aggregation !== undefined && (aggregation.clusterRoleSelectors ?? []).length === 0;
    const field = "aggregationRule.clusterRoleSelectors";
    const why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
    return [...ruleErrors(role, false), ...(isEmpty ? [required(field, why)] : [])];
  },
};

export const roleBindingBehaviour: Behaviour = bindingBehaviour(["Role", "ClusterRole"], true);
export const clusterRoleBindingBehaviour: Behaviour = bindingBehaviour(["ClusterRole"], false);

/** Nobody stores a review. */
export const reviewBehaviour: Behaviour = { nameErrors };

/** As Go's encoder: no rules are null, and `omitempty` leaves out what is empty in one. */
function settleRules(role: KubeObject): void {
  if (asList(role["rules"]).length === 0) role["rules"] = null;
  for (const rule of asList(role["rules"]))
    if (isMap(rule))
      for (const field of ["apiGroups", "resources", "resourceNames", "nonResourceURLs"])
        if (asList(rule[field]).length === 0) Reflect.deleteProperty(rule, field);
}

function ruleErrors(role: KubeObject, isNamespaced: boolean): readonly FieldError[] {
  const rules = (role["rules"] ?? []) as readonly Partial<PolicyRule>[];
  const errors = rules.flatMap((rule, index) => {
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
    const at = (field: string): string => `rules[${index}].${field}`;
    const errors: FieldError[] = [];
    if (nonResourceURLs.length > 0) {
      const refuse = (why: string): void => void errors.push(invalid(at("nonResourceURLs"), nonResourceURLs, why));
      if (isNamespaced) refuse("namespaced rules cannot apply to non-resource URLs");
      if (apiGroups.length + resources.length + resourceNames.length > 0)
        refuse("rules cannot apply to both regular resources and non-resource URLs");
      return errors;
    }
    if (apiGroups.length === 0)
      errors.push(required(at("apiGroups"), "resource rules must supply at least one api group"));
    if (resources.length === 0)
      errors.push(required(at("resources"), "resource rules must supply at least one resource"));
    return errors;
  });
  // Upstream's declarative validation comes last.
  const silent = rules.flatMap(({ verbs = [] }, index) =>
    verbs.length === 0 ? [required(`rules[${index}].verbs`)] : [],
  );
  return [...errors, ...silent];
}

function bindingBehaviour(roleKinds: readonly string[], isNamespaced: boolean): Behaviour {
  return {
    nameErrors,
    default(object) {
      const ref = object["roleRef"];
      if (isMap(ref)) ref["apiGroup"] ||= rbacGroup;
      for (const subject of asList(object["subjects"])) if (isMap(subject)) defaultSubject(subject);
    },
    validate: (object, old) => [
      ...refErrors(object["roleRef"] as RoleRef, roleKinds),
      ...((object["subjects"] ?? []) as readonly Subject[]).flatMap((subject, index) =>
        subjectErrors(subject, isNamespaced, `subjects[${index}]`),
      ),
      ...(old === undefined || sameJson(object["roleRef"], old["roleRef"])
        ? []
        : [invalid("roleRef", asGoPrints(object["roleRef"] as RoleRef), "field is immutable")]),
    ],
  };
}

/** The fields of the internal type, which has no JSON names. */
function asGoPrints({ apiGroup, kind, name }: RoleRef): JsonMap {
  return { APIGroup: apiGroup, Kind: kind, Name: name };
}

function defaultSubject(subject: JsonMap): void {
  if (subject["kind"] === "User" || subject["kind"] === "Group") subject["apiGroup"] ||= rbacGroup;
  for (const field of ["apiGroup", "namespace"]) if (subject[field] === "") Reflect.deleteProperty(subject, field);
}

function refErrors({ apiGroup, kind, name }: RoleRef, kinds: readonly string[]): readonly FieldError[] {
  return [
    ...(apiGroup === rbacGroup ? [] : [notSupported("roleRef.apiGroup", apiGroup, [rbacGroup])]),
    ...(kinds.includes(kind) ? [] : [notSupported("roleRef.kind", kind, kinds)]),
    ...(name === ""
      ? [required("roleRef.name")]
      : pathSegmentErrors(name).map((error) => invalid("roleRef.name", name, error))),
  ];
}

const subjectKinds = ["ServiceAccount", "User", "Group"];

function subjectErrors(subject: Subject, isNamespaced: boolean, at: string): readonly FieldError[] {
  const { kind, name, apiGroup = "", namespace = "" } = subject;
  const errors: FieldError[] = name === "" ? [required(`${at}.name`)] : [];
  if (!subjectKinds.includes(kind)) return [...errors, notSupported(`${at}.kind`, kind, subjectKinds)];
  const group = kind === "ServiceAccount" ? "" : rbacGroup;
  if (kind === "ServiceAccount" && name !== "")
    errors.push(...subdomainErrors(name).map((error) => invalid(`${at}.name`, name, error)));
  if (apiGroup !== group) errors.push(notSupported(`${at}.apiGroup`, apiGroup, [group]));
  if (kind === "ServiceAccount" && !isNamespaced && namespace === "") errors.push(required(`${at}.namespace`));
  return errors;
}
