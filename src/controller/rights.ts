import type { Resource } from "../api/index.ts";

/** The rights to follow the objects of a kind: `list, watch ipaddresspools.berth.dev`. */
export function rightToFollow({ group, plural }: Resource<unknown>, namespace: string | undefined): string {
  const where = namespace === undefined ? "" : ` in ${namespace}`;
  return `list, watch ${group === "" ? plural : `${plural}.${group}`}${where}`;
}

/** For people: what to do where RBAC does not allow something, as `patch services/status`. */
export function allowing(right: string, role = "controller.yaml"): string {
  return `allow \`${right}\`, as deploy/rbac/${role} does`;
}
