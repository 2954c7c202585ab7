import { type Cidr, cidrContains, type Family, parseCidr, parseIp } from "../net/index.ts";
import { type Exec, type ExecOptions, execOk } from "./exec.ts";

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
