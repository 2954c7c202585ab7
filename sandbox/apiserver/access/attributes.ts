import { parseFieldSelector } from "../selector.ts";
import { pathSegmentErrors } from "../words.ts";

/** What somebody wants to do, as rules speak of it. */
export type Attributes = ResourceAttributes | PathAttributes;

export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty for objects of the cluster and over all namespaces. */
  readonly namespace: string;
  /** Empty when it is about no single object. */
  readonly name: string;
}

export interface PathAttributes {
  readonly verb: string;
  readonly path: string;
}

export function isResource(attributes: Attributes): attributes is ResourceAttributes {
  return "resource" in attributes;
}

const verbs: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};
const namespaceParts: ReadonlySet<string> = new Set(["finalize", "status"]);

/** What a request does: k8s.io/apiserver/pkg/endpoints/request, which looks at the path alone, whatever is served. */
export function attributesOf(method: string, encodedPath: string, query: URLSearchParams): Attributes {
  const path = decoded(encodedPath);
  const parts = path.split("/").filter((part) => part !== "");
  const beyond = parts[0] === "api" ? 2 : parts[0] === "apis" ? 3 : Infinity;
  if (parts.length <= beyond) return { verb: method.toLowerCase(), path };
  const group = beyond === 3 ? (parts[1] ?? "") : "";
  const isWatchPath = parts[beyond] === "watch";
  const rest = parts.slice(isWatchPath ? beyond + 1 : beyond);
  const namespace = rest[0] === "namespaces" ? (rest[1] ?? "") : "";
  const isInside = namespace !== "" && rest.length > 2 && !namespaceParts.has(rest[2] ?? "");
  const [resource = "", name = "", subresource = ""] = isInside ? rest.slice(2) : rest;
  const verb = isWatchPath ? "watch" : (verbs[method] ?? "");
  const target = { group, resource, subresource: isWatchPath ? "" : subresource, namespace };
  if (name !== "" || (verb !== "get" && verb !== "delete")) return { ...target, verb, name };
  if (verb === "delete") return { ...target, verb: "deletecollection", name };
  // A list or watch of one name may be allowed by it.
  return { ...target, verb: isTrue(query.get("watch")) ? "watch" : "list", name: requiredName(query) };
}

/** As Go clients' queries are read: a flag is set by its name, unless it says otherwise. */
export function isTrue(text: string | null): boolean {
  return text !== null && text !== "0" && text.toLowerCase() !== "false";
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function requiredName(query: URLSearchParams): string {
  try {
    const requirements = parseFieldSelector(query.get("fieldSelector") ?? "");
    const found = requirements.find(({ field, negated }) => field === "metadata.name" && !negated)?.value ?? "";
    return pathSegmentErrors(found).length === 0 ? found : "";
  } catch {
    // Whoever answers the request says what is wrong with it.
    return "";
  }
}
