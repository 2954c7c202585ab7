import { badRequest, type StatusError } from "../status.ts";
import type { Attributes, ResourceAttributes } from "./attributes.ts";
import type { Authorizer } from "./authorizer.ts";
import { refusal } from "./refusal.ts";
import { goStrings } from "./rules.ts";
import {
  anonymous,
  authenticatedGroup,
  mastersGroup,
  parseServiceAccountUser,
  serviceAccountGroups,
  type User,
  unauthenticatedGroup,
} from "./users.ts";

/** Whom a request's headers want to be: what `kubectl --as` and `--as-group` send. */
export function wantedUser(header: (name: string) => string | undefined): User | undefined {
  const name = header("impersonate-user") ?? "";
  const groups = (header("impersonate-group") ?? "").split(/, */).filter((group) => group !== "");
  if (name !== "") return { name, groups };
  if (groups.length === 0) return undefined;
  const text = `&user.DefaultInfo{Name:"", UID:"", Groups:[]string${goStrings(groups).replace("[", "{").replace(/\]$/, "}").replaceAll('" "', '", "')}, Extra:map[string][]string(nil)}`;
  throw badRequest(`requested ${text} without impersonating a user name`);
}

const nodePrefix = "system:node:";

/** What one may be allowed to be: for certain requests only (KEP-5284), or altogether, which is the older right. */
type Mode = "arbitrary-node" | "serviceaccount" | "user-info" | "legacy";

function modesFor({ name, groups }: User): readonly Mode[] {
  const isNode = name.startsWith(nodePrefix);
  const isServiceAccount = parseServiceAccountUser(name) !== undefined;
  if (!isNode && !isServiceAccount) return ["user-info", "legacy"];
  return groups.length > 0 ? ["legacy"] : [isNode ? "arbitrary-node" : "serviceaccount", "legacy"];
}

/** Who `user` becomes as `wanted`; throws what the first way of being it was refused with. */
export function impersonate(authorizer: Authorizer, user: User, wanted: User, attributes: Attributes): User {
  const refusals: StatusError[] = [];
  for (const mode of modesFor(wanted)) {
    const refused = refusalOf(authorizer, user, wanted, attributes, mode);
    if (refused === undefined) return completed(wanted, mode);
    refusals.push(refused);
  }
  throw refusals[0] ?? new Error("no way to impersonate");
}

function refusalOf(
  authorizer: Authorizer,
  user: User,
  wanted: User,
  attributes: Attributes,
  mode: Mode,
): StatusError | undefined {
  const isLegacy = mode === "legacy";
  const verb = isLegacy ? "impersonate" : `impersonate:${mode}`;
  const target = { verb, group: isLegacy ? "" : "authentication.k8s.io", subresource: "", namespace: "" };
  const needed: Attributes[] = [
    ...(isLegacy ? [] : [{ ...attributes, verb: `impersonate-on:${mode}:${attributes.verb}` }]),
    userAttributes(wanted.name, target, mode),
  ];
  for (const each of needed) {
    const { allowed, reason } = authorizer.authorize(user, each);
    if (!allowed) return refusal(user, each, reason);
  }
  if (!isLegacy && wanted.groups.includes(mastersGroup))
    return refusal(
      user,
      { ...target, resource: "groups", name: mastersGroup },
      "impersonating the system:masters group is not allowed",
    );
  for (const name of wanted.groups) {
    const group = { ...target, resource: "groups", name };
    const { allowed, reason } = authorizer.authorize(user, group);
    if (!allowed) return refusal(user, group, reason);
  }
  return undefined;
}

function userAttributes(name: string, target: Omit<ResourceAttributes, "resource" | "name">, mode: Mode): Attributes {
  const account = parseServiceAccountUser(name);
  if (account !== undefined) return { ...target, resource: "serviceaccounts", ...account };
  if (mode === "arbitrary-node") return { ...target, resource: "nodes", name: name.slice(nodePrefix.length) };
  return { ...target, resource: "users", name };
}

function completed({ name, groups }: User, mode: Mode): User {
  const account = parseServiceAccountUser(name);
  const implied =
    groups.length > 0
      ? groups
      : account !== undefined
        ? serviceAccountGroups(account.namespace)
        : mode === "arbitrary-node"
          ? ["system:nodes"]
          : [];
  const isUnauthenticated = name === anonymous.name || implied.includes(unauthenticatedGroup);
  return { name, groups: [...new Set([...implied, isUnauthenticated ? unauthenticatedGroup : authenticatedGroup])] };
}
