import { type Cidr, cidrContains, type Family, parseCidr, parseIp } from "../net/index.ts";
import { type Exec, type ExecOptions, execOk, ProgramFailedError } from "./exec.ts";

export interface Route {
  readonly to: Cidr;
  /** Undefined where the kernel has none or several to choose from. */
  readonly device: string | undefined;
}

/** The main routing table of a family, the longest prefixes first. Other tables, which rules may choose, are not in it. */
export async function listRoutes(exec: Exec, family: Family, options: ExecOptions): Promise<readonly Route[]> {
  const args = ["-j", family === "IPv4" ? "-4" : "-6", "route", "show", "table", "main"];
  return parseRoutes(await execOk(exec, "ip", args, options), family);
}

/** Reads `ip -j route show`. */
export function parseRoutes(json: string, family: Family): readonly Route[] {
  const entries = (json.trim() === "" ? [] : JSON.parse(json)) as readonly Partial<IpRoute>[];
  const bits = family === "IPv4" ? 32 : 128;
  return entries
    .flatMap(({ dst = "", dev, nexthops = [] }) => {
      const text = dst === "default" ? `${family === "IPv4" ? "0.0.0.0" : "::"}/0` : dst;
      const to = parseCidr(text.includes("/") ? text : `${text}/${bits}`);
      const devices = new Set(nexthops.map((hop) => hop.dev));
      return to === undefined ? [] : [{ to, device: dev ?? (devices.size === 1 ? [...devices][0] : undefined) }];
    })
    .sort((a, b) => b.to.prefix - a.to.prefix);
}

interface IpRoute {
  readonly dst: string;
  readonly dev: string;
  readonly nexthops: readonly { readonly dev?: string }[];
}

/** The interface through which an address is reached; undefined when no route, or no single one, leads there. */
export function routeDevice(routes: readonly Route[], address: string): string | undefined {
  const ip = parseIp(address);
  return ip && routes.find(({ to }) => cidrContains(to, ip))?.device;
}

/** What the kernel takes for its own, by an address of an interface or by somebody's route. */
export interface LocalRoute {
  readonly to: Cidr;
  /** Who made it: `kernel`, another name, or a number without one. */
  readonly protocol: string;
}

export async function listLocalRoutes(
  exec: Exec,
  family: Family,
  options: ExecOptions,
): Promise<readonly LocalRoute[]> {
  const args = ["-j", family === "IPv4" ? "-4" : "-6", "route", "show", "table", "local", "type", "local"];
  const result = await exec.run("ip", args, options);
  if (result.code === 0) return parseLocalRoutes(result.stdout, family);
  // Where no interface was ever up.
  if (result.stderr.includes("FIB table does not exist")) return [];
  throw new ProgramFailedError("ip", args, result);
}

/** Reads `ip -j route show table local type local`. */
export function parseLocalRoutes(json: string, family: Family): readonly LocalRoute[] {
  const entries = (json.trim() === "" ? [] : JSON.parse(json)) as readonly Partial<{ dst: string; protocol: string }>[];
  const bits = family === "IPv4" ? 32 : 128;
  return entries.flatMap(({ dst = "", protocol = "" }) => {
    const to = parseCidr(dst.includes("/") ? dst : `${dst}/${bits}`);
    return to === undefined ? [] : [{ to, protocol }];
  });
}
