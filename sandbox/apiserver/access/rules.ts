import { type Attributes, isResource } from "./attributes.ts";

/** One rule of a role, as rbac.authorization.k8s.io/v1 has it. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

const all = "*";

export function allows(rule: PolicyRule, attributes: Attributes): boolean {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (!holds(verbs, attributes.verb)) return false;
  if (!isResource(attributes)) return nonResourceURLs.some((url) => coversUrl(url, attributes.path));
  const { group, resource, subresource, name } = attributes;
  return (
    holds(apiGroups, group) &&
    holdsResource(resources, subresource === "" ? resource : `${resource}/${subresource}`) &&
    (resourceNames.length === 0 || resourceNames.includes(name))
  );
}

function holds(list: readonly string[], value: string): boolean {
  return list.includes(all) || list.includes(value);
}

/** `pods`, `pods/status`; `*` is every one of either, `*` + `/status` that part of everything. */
function holdsResource(list: readonly string[], resource: string): boolean {
  const slash = resource.indexOf("/");
  return holds(list, resource) || (slash !== -1 && list.includes(`${all}${resource.slice(slash)}`));
}

function coversUrl(owned: string, url: string): boolean {
  return owned === url || (owned.endsWith(all) && url.startsWith(owned.replace(/\*+$/, "")));
}

/** What of `wanted` no rule of `owned` gives, in pieces of one verb and one resource, name or URL. */
export function missingRights(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(pieces).filter((piece) => !owned.some((rule) => covers(rule, piece)));
}

/** A rule in its smallest pieces. */
export function pieces(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const found: PolicyRule[] = [];
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs) {
        const piece = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (resourceNames.length === 0) found.push(piece);
        else found.push(...resourceNames.map((name) => ({ ...piece, resourceNames: [name] })));
      }
  for (const url of nonResourceURLs) for (const verb of verbs) found.push({ nonResourceURLs: [url], verbs: [verb] });
  return found;
}

function covers(rule: PolicyRule, piece: PolicyRule): boolean {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const { resourceNames: names = [] } = piece;
  return (
    piece.verbs.every((verb) => holds(verbs, verb)) &&
    (piece.apiGroups ?? []).every((group) => holds(apiGroups, group)) &&
    (piece.resources ?? []).every((resource) => holdsResource(resources, resource)) &&
    (piece.nonResourceURLs ?? []).every((url) => nonResourceURLs.some((owned) => coversUrl(owned, url))) &&
    (resourceNames.length === 0 || (names.length > 0 && names.every((name) => resourceNames.includes(name))))
  );
}

/** Pieces with what differs by verb alone joined again, as refusals list them. */
export function describeRights(missing: readonly PolicyRule[]): string {
  const joined = new Map<string, PolicyRule>();
  for (const piece of missing) {
    const { verbs, ...target } = piece;
    const key = JSON.stringify(piece.nonResourceURLs === undefined ? target : piece);
    joined.set(key, { ...target, verbs: [...(joined.get(key)?.verbs ?? []), ...verbs] });
  }
  return [...new Set([...joined.values()].map(describe))].toSorted().join("\n");
}

function describe({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ["APIGroups", apiGroups],
    ["Resources", resources],
    ["NonResourceURLs", nonResourceURLs],
    ["ResourceNames", resourceNames],
    ["Verbs", verbs],
  ];
  const shown = parts.flatMap(([name, list]) => (list === undefined ? [] : [`${name}:${goStrings(list)}`]));
  return `{${shown.join(", ")}}`;
}

/** A list as Go's `%q` prints it. */
export function goStrings(list: readonly string[]): string {
  return `[${list.map((text) => JSON.stringify(text)).join(" ")}]`;
}
