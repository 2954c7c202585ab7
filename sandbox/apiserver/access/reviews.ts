// Questions that are asked by creating an object which is stored nowhere: who am I, and who may do what.
import { type FieldError, invalid } from "../field-error.ts";
import { asList, asMap, asText, isMap, type JsonMap, type KubeObject, timestamp } from "../object.ts";
import type { ResourceType } from "../resource-type.ts";
import { badRequest, invalidObject } from "../status.ts";
import type { Attributes } from "./attributes.ts";
import type { Authorizer } from "./authorizer.ts";
import type { User } from "./users.ts";

/** Answers the review that a user has sent. */
export function review(
  authorizer: Authorizer,
  user: User,
  type: ResourceType,
  asked: KubeObject,
  now: number,
): JsonMap {
  switch (type.kind) {
    case "SelfSubjectReview":
      return { ...asked, metadata: { creationTimestamp: timestamp(now) }, status: { userInfo: userInfo(user) } };
    case "SelfSubjectRulesReview":
      return reviewRules(authorizer, user, asked);
    case "SelfSubjectAccessReview":
      return reviewAccess(authorizer, user, type, asked, []);
    default: {
      const spec = asMap(asked["spec"]);
      const other: User = { name: asText(spec["user"]), groups: asList(spec["groups"]).map(asText) };
      const isNobody = other.name === "" && other.groups.length === 0;
      const errors = isNobody ? [invalid("spec.user", "", "at least one of user or group must be specified")] : [];
      return reviewAccess(authorizer, other, type, asked, errors);
    }
  }
}

function userInfo({ name, uid, groups, extra }: User): JsonMap {
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
}

function reviewAccess(
  authorizer: Authorizer,
  user: User,
  { group }: ResourceType,
  asked: KubeObject,
  errors: readonly FieldError[],
): JsonMap {
  const { resourceAttributes, nonResourceAttributes } = asMap(asked["spec"]);
  const all = [
    ...((resourceAttributes === undefined) === (nonResourceAttributes === undefined)
      ? [
          invalid(
            "spec",
            nonResourceAttributes,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
          ),
        ]
      : []),
    ...errors,
  ];
  if (all.length > 0) throw invalidObject({ group, kind: "" }, "", all);
  const { allowed, reason } = authorizer.authorize(user, attributesIn(resourceAttributes, nonResourceAttributes));
  return { ...asked, status: { allowed, ...(reason === "" ? {} : { reason }) } };
}

function attributesIn(resource: unknown, path: unknown): Attributes {
  if (!isMap(resource)) return { verb: asText(asMap(path)["verb"]), path: asText(asMap(path)["path"]) };
  const text = (field: string): string => asText(resource[field]);
  return {
    verb: text("verb"),
    group: text("group"),
    resource: text("resource"),
    subresource: text("subresource"),
    namespace: text("namespace"),
    name: text("name"),
  };
}

function reviewRules(authorizer: Authorizer, user: User, asked: KubeObject): JsonMap {
  const namespace = asText(asMap(asked["spec"])["namespace"]);
  if (namespace === "") throw badRequest("no namespace on request");
  const { rules, problem } = authorizer.rulesOf(user, namespace);
  return {
    ...asked,
    spec: {},
    status: {
      resourceRules: rules.filter(({ resources = [] }) => resources.length > 0),
      nonResourceRules: rules.filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0),
      incomplete: false,
      ...(problem === "" ? {} : { evaluationError: problem }),
    },
  };
}
