/** Who sends a request. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Members may do everything, whatever the rules say. */
export const mastersGroup = "system:masters";
export const authenticatedGroup = "system:authenticated";
export const unauthenticatedGroup = "system:unauthenticated";

export const anonymous: User = { name: "system:anonymous", groups: [unauthenticatedGroup] };

/** Who holds the administrator's token. */
export const administrator: User = { name: "admin", uid: "admin", groups: [mastersGroup, authenticatedGroup] };

const prefix = "system:serviceaccount:";

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

export function serviceAccountUser({ namespace, name }: ServiceAccountName): string {
  return `${prefix}${namespace}:${name}`;
}

/** The service account that a user name stands for; undefined when it stands for none. */
export function parseServiceAccountUser(user: string): ServiceAccountName | undefined {
  const [, namespace, name] = /^system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)$/.exec(user) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** The groups of every service account, beside those of everybody. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
}

export function isMaster({ groups }: User): boolean {
  return groups.includes(mastersGroup);
}
