import { type Exec, type ExecOptions, execOk } from "./exec.ts";

/** Names of the namespaces that `ip netns` knows, sorted. */
export async function listNetns(exec: Exec, options: ExecOptions): Promise<readonly string[]> {
  return parseNetns(await execOk(exec, "ip", ["-j", "netns", "list"], options));
}

/** Reads `ip -j netns list`, which prints nothing at all when there is no namespace. */
export function parseNetns(json: string): readonly string[] {
  const entries = (json.trim() === "" ? [] : JSON.parse(json)) as readonly { readonly name: string }[];
  return entries.map(({ name }) => name).sort();
}

export async function addNetns(exec: Exec, name: string, options: ExecOptions): Promise<void> {
  await execOk(exec, "ip", ["netns", "add", name], options);
}

/** Takes the name away; the kernel frees the namespace, and all that is in it, with its last process. */
export async function deleteNetns(exec: Exec, name: string, options: ExecOptions): Promise<void> {
  await execOk(exec, "ip", ["netns", "delete", name], options);
}
