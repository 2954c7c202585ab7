import { type Exec, execOk } from "../../src/kernel/index.ts";
import type { FlavourEnvironment } from "../tools/iptables-flavour.ts";

/** The rules of a node: what `iptables-save` and `ip6tables-save` print. */
export type Rules = Readonly<Record<"IPv4" | "IPv6", string>>;

/** Of a namespace, by the iptables of an environment. */
export async function readRules(inside: Exec, environment: FlavourEnvironment, signal: AbortSignal): Promise<Rules> {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const save = (program: string): Promise<string> =>
    execOk(inside, "/usr/bin/env", [...variables, program], { signal });
  const [IPv4, IPv6] = await Promise.all([save("iptables-save"), save("ip6tables-save")]);
  return { IPv4, IPv6 };
}
