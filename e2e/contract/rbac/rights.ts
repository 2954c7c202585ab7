import { type PolicyRule, pieces } from "../../../sandbox/apiserver/access/rules.ts";
import type { RoleObject } from "../../../sandbox/cluster/service-accounts.ts";
import type { Access } from "../target.ts";

/** The rights that roles give, one line each: `patch services/status`, `get leases.coordination.k8s.io berth-controller in kube-system`. */
export function rightsOf(objects: readonly RoleObject[]): readonly string[] {
  return objects.flatMap((object) => {
    const { rules = [], metadata } = object as RoleObject & { readonly rules?: readonly PolicyRule[] };
    return rules.flatMap(pieces).map(({ verbs, apiGroups, resources, resourceNames }) => {
      const [resource = "", subresource = ""] = (resources?.[0] ?? "").split("/");
      const [verb = "", group = "", name = ""] = [verbs[0], apiGroups?.[0], resourceNames?.[0]];
      return describe({ verb, group, resource, subresource, namespace: metadata.namespace ?? "", name });
    });
  });
}

/** The rights among these that a request used. */
export function usedBy(access: Access, rights: ReadonlySet<string>): readonly string[] {
  const scopes = [
    { ...access, namespace: "", name: "" },
    { ...access, namespace: "" },
    { ...access, name: "" },
    access,
  ];
  return [...new Set(scopes.map(describe))].filter((right) => rights.has(right));
}

type Right = Omit<Access, "user" | "allowed">;

function describe({ verb, group, resource, subresource, namespace, name }: Right): string {
  const what = `${resource}${subresource === "" ? "" : `/${subresource}`}${group === "" ? "" : `.${group}`}`;
  return `${verb} ${what}${name === "" ? "" : ` ${name}`}${namespace === "" ? "" : ` in ${namespace}`}`;
}
