// Which iptables a program finds: an environment in which there is one flavour only.
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";

export const flavours = ["nft", "legacy"] as const;
export type Flavour = (typeof flavours)[number];

/** From directories that hold both flavours. */
const others = ["ip", "conntrack", "nft", "nfacct", "sysctl", "modprobe"];

export interface FlavourEnvironment extends Readonly<Record<string, string>> {
  readonly PATH: string;
  readonly XTABLES_LOCKFILE: string;
}

/**
 * Fills a directory so that `iptables`, `ip6tables` and their `-save` and `-restore` are of one flavour, and returns an
 * environment with it on PATH; the suffixed names of both flavours are not on it. The lock of iptables-legacy is one of
 * its own: the usual one is the machine's, whatever the network namespace.
 */
export function flavourEnvironment(directory: string, flavour: Flavour): FlavourEnvironment {
  mkdirSync(directory, { recursive: true });
  const find = (program: string): string | undefined =>
    (process.env["PATH"] ?? "")
      .split(delimiter)
      .map((folder) => join(folder, program))
      .find((path) => existsSync(path));
  const multi = find(`xtables-${flavour}-multi`);
  if (multi === undefined) throw new Error(`xtables-${flavour}-multi is not on PATH; install the package iptables`);
  for (const family of ["iptables", "ip6tables"])
    for (const program of [family, `${family}-save`, `${family}-restore`]) symlinkSync(multi, join(directory, program));
  for (const program of others) {
    const path = find(program);
    if (path !== undefined) symlinkSync(path, join(directory, program));
  }
  return {
    PATH: [directory, "/usr/bin", "/bin"].join(delimiter),
    XTABLES_LOCKFILE: join(directory, "xtables.lock"),
  };
}
