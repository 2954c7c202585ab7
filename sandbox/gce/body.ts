/** A resource, or a part of one, as JSON has it. */
export type Body = Readonly<Record<string, unknown>>;

/** What links begin with. */
export const api = "https://www.googleapis.com/compute/v1/";

/** `forwardingRules`, from the path of one. */
export function collectionOf(path: string): string {
  return path.split("/").at(-2) ?? "";
}

/** Empty for what is in no zone. */
export function zoneOf(path: string): string {
  return /zones\/([^/]+)/.exec(path)?.[1] ?? "";
}

/** A link without what differs between hosts and versions. */
export function pathOf(link: unknown): string {
  return String(link).replace(/^https:\/\/[^/]+\/compute\/[^/]+\//, "");
}

/** Links to the groups that a backend service sends to. */
export function groupsOf(body: Body): readonly string[] {
  return ((body["backends"] ?? []) as readonly Body[]).map(({ group }) => String(group));
}

/** The paths of what a resource refers to. */
export function referencesOf(body: Body): readonly string[] {
  const links = [body["backendService"], body["healthChecks"], groupsOf(body)].flat();
  return links.filter((link) => link !== undefined).map(pathOf);
}

/** An address without its prefix length. */
export function bare(address: unknown): string {
  return String(address).replace(/\/\d+$/, "");
}
