import { readFile, writeFile } from "node:fs/promises";
import { parse, parseAllDocuments, stringify } from "yaml";
import { type Resource, resourcePath } from "../../src/api/index.ts";
import type { KubeClient, KubeObject } from "../../src/kube/index.ts";

/** The processes that ship with roles of their own, in `charts/berth/files/rbac`. */
export const roleOwners = ["agent", "controller"] as const;
export type RoleOwner = (typeof roleOwners)[number];

const rbac = "rbac.authorization.k8s.io";
const account = resource("", "ServiceAccount", true);
const namespaces = resource("", "Namespace", false);
const resources = [
  account,
  resource(rbac, "ClusterRole", false),
  resource(rbac, "ClusterRoleBinding", false),
  resource(rbac, "Role", true),
  resource(rbac, "RoleBinding", true),
];

function resource(group: string, kind: string, namespaced: boolean): Resource<KubeObject> {
  return { group, version: "v1", kind, plural: `${kind.toLowerCase()}s`, namespaced };
}

export interface RoleObject extends KubeObject {
  readonly kind: string;
}

/** What `charts/berth/files/rbac` holds for a process. */
export async function shippedRoles(owner: RoleOwner): Promise<readonly RoleObject[]> {
  return await readRoles(owner);
}

/** What lets the controller set node ports besides. */
export async function nodePortRoles(): Promise<readonly RoleObject[]> {
  return await readRoles("optional/controller-node-ports");
}

/** What the account of a process may besides while it is being uninstalled. */
export async function uninstallRoles(owner: RoleOwner): Promise<readonly RoleObject[]> {
  return await readRoles(`uninstall/${owner}`);
}

async function readRoles(name: string): Promise<readonly RoleObject[]> {
  const text = await readFile(new URL(`../../charts/berth/files/rbac/${name}.yaml`, import.meta.url), "utf8");
  return parseAllDocuments(text).map((document) => document.toJSON() as RoleObject);
}

/** Loads the shipped roles of every process, as `kubectl create -f charts/berth/files/rbac` does. */
export async function loadShippedRoles(client: KubeClient, signal: AbortSignal): Promise<void> {
  await loadRoles(client, (await Promise.all(roleOwners.map(shippedRoles))).flat(), signal);
}

/** Makes the objects of roles, namespaces first. */
export async function loadRoles(
  client: KubeClient,
  objects: readonly RoleObject[],
  signal: AbortSignal,
): Promise<void> {
  const [homes, others] = [true, false].map((wanted) =>
    objects.filter(({ kind }) => (kind === "Namespace") === wanted),
  );
  await Promise.all((homes ?? []).map((object) => client.create(namespaces, object, signal)));
  await Promise.all(
    (others ?? []).map(async (object) => {
      const found = resources.find(({ kind }) => kind === object.kind);
      if (found === undefined) throw new Error(`charts/berth/files/rbac: no such kind here: ${object.kind}`);
      await client.create(found, object, signal);
    }),
  );
}

/** Nobody here renews tokens as a kubelet does: they outlive every sandbox. */
const expirationSeconds = 10 * 365 * 86_400;

/** A token of the account that a process ships with. */
export async function accountToken(client: KubeClient, owner: RoleOwner, signal: AbortSignal): Promise<string> {
  const path = resourcePath(account, { namespace: "kube-system", name: `berth-${owner}`, subresource: "token" });
  const { status } = await client.request<{ status: { token: string } }>({
    method: "POST",
    path,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds } },
    signal,
  });
  return status.token;
}

/** The access of a kubeconfig, but by a token that lies in a file beside it, as a pod finds its own. */
export async function writeTokenKubeconfig(from: string, to: string, token: string): Promise<void> {
  const config = parse(await readFile(from, "utf8")) as { users: { user: object }[] };
  const tokenFile = `${to}.token`;
  await writeFile(tokenFile, token, { mode: 0o600 });
  config.users = config.users.map((user) => ({ ...user, user: { tokenFile } }));
  await writeFile(to, stringify(config), { mode: 0o600 });
}
