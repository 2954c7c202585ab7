import { type Exec, type ExecOptions, execOk, ProgramFailedError } from "./exec.ts";

export interface Link {
  readonly name: string;
  readonly mac: string;
  /** Set up by the administrator; says nothing of the other end. */
  readonly up: boolean;
  /** Frames get through: the other end is up too, and the kernel has seen to it, which takes a moment. */
  readonly operational: boolean;
  /** The bridge that it is a port of. */
  readonly master: string | undefined;
  /** As a port of a bridge: `forwarding`, `disabled`, ... */
  readonly portState: string | undefined;
  readonly addresses: readonly LinkAddress[];
}

export interface LinkAddress {
  readonly address: string;
  readonly prefix: number;
  /** `global`, `link`, `host`. */
  readonly scope: string;
}

/** Interfaces and their addresses as `exec` sees them: wrap it with `netnsExec` to look into a namespace. */
export async function listLinks(exec: Exec, options: ExecOptions): Promise<readonly Link[]> {
  return parseLinks(await execOk(exec, "ip", ["-j", "-d", "addr", "show"], options));
}

/** One interface by its name; undefined when there is none. */
export async function findLink(exec: Exec, name: string, options: ExecOptions): Promise<Link | undefined> {
  const args = ["-j", "-d", "addr", "show", "dev", name];
  const result = await exec.run("ip", args, options);
  if (result.code === 0) return parseLinks(result.stdout)[0];
  if (result.stderr.includes("does not exist")) return undefined;
  throw new ProgramFailedError("ip", args, result);
}

/** Reads `ip -j -d addr show`. */
export function parseLinks(json: string): readonly Link[] {
  const entries = (json.trim() === "" ? [] : JSON.parse(json)) as readonly Partial<IpLink>[];
  // `ip` prints an empty object for an interface that went away while it was reading.
  return entries.flatMap(({ ifname, address = "", flags = [], master, operstate, linkinfo, addr_info = [] }) =>
    ifname === undefined
      ? []
      : {
          name: ifname,
          mac: address,
          up: flags.includes("UP"),
          operational: operstate === "UP",
          master,
          portState: linkinfo?.info_slave_data?.state,
          addresses: addr_info.flatMap(({ local, prefixlen, scope }) =>
            local === undefined || prefixlen === undefined
              ? []
              : { address: local, prefix: prefixlen, scope: scope ?? "" },
          ),
        },
  );
}

interface IpLink {
  readonly ifname: string;
  readonly address: string;
  readonly flags: readonly string[];
  readonly master: string;
  readonly operstate: string;
  readonly linkinfo: { readonly info_slave_data?: { readonly state?: string } };
  readonly addr_info: readonly Partial<{ local: string; prefixlen: number; scope: string }>[];
}

/** Runs many `ip` commands (without the word `ip`) in one process, up to the first that fails. */
export async function ipBatch(exec: Exec, commands: readonly string[], options: ExecOptions): Promise<void> {
  if (commands.length === 0) return;
  await execOk(exec, "ip", ["-batch", "-"], { ...options, stdin: `${commands.join("\n")}\n` });
}
