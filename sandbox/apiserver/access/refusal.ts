import { forbidden, type StatusError } from "../status.ts";
import { type Attributes, isResource } from "./attributes.ts";
import type { User } from "./users.ts";

/** The answer 403 in the words of k8s.io/apiserver/pkg/endpoints/handlers/responsewriters. */
export function refusal({ name }: User, attributes: Attributes, reason: string): StatusError {
  const why = (text: string): string => escaped(text) + (reason === "" ? "" : `: ${reason}`);
  const user = `User ${JSON.stringify(name)} cannot ${attributes.verb}`;
  if (!isResource(attributes))
    return forbidden({ group: "", kind: "" }, "", why(`${user} path ${JSON.stringify(attributes.path)}`));
  const { group, resource, subresource, namespace } = attributes;
  const what = JSON.stringify(subresource === "" ? resource : `${resource}/${subresource}`);
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  return forbidden(
    { group, kind: resource },
    attributes.name,
    why(`${user} resource ${what} in API group ${JSON.stringify(group)} ${where}`),
  );
}

/** Nothing that looks like HTML. */
function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
