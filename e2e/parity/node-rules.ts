import { type Exec, execOk } from "../../src/kernel/index.ts";

/** The rules of a node: what `iptables-save` and `ip6tables-save` print. */
export type Rules = Readonly<Record<"IPv4" | "IPv6", string>>;

/** Of a namespace, by the iptables on `path`. */
export async function readRules(inside: Exec, path: string, signal: AbortSignal): Promise<Rules> {
  const save = (program: string): Promise<string> =>
    execOk(inside, "/usr/bin/env", [`PATH=${path}`, program], { signal });
  const [IPv4, IPv6] = await Promise.all([save("iptables-save"), save("ip6tables-save")]);
  return { IPv4, IPv6 };
}
