import { open, readFile } from "node:fs/promises";
import { formatIp, parseIp } from "../net/index.ts";

/** A socket of a local process that waits for whoever comes. */
export interface LocalSocket {
  readonly protocol: "TCP" | "UDP";
  /** In canonical form; undefined: every address, of both families when the socket is one of IPv6. */
  readonly address: string | undefined;
  readonly port: number;
}

/** Ports that the kernel gives to sockets which ask for none (`ip_local_port_range`). */
export interface EphemeralPorts {
  readonly first: number;
  readonly last: number;
}

/** States of `include/net/tcp_states.h`; a UDP socket without a peer is in the second. */
const listen = "0A";
const close = "07";

/**
 * The lines of `/proc/net/{tcp,tcp6,udp,udp6}` that are sockets waiting on a port: TCP that listens, UDP that is bound
 * and has no peer. UDP on an ephemeral port counts as a client (a DNS query looks the same), as otherwise each of
 * them would seem to take the port for a moment.
 */
export function parseLocalSockets(
  text: string,
  protocol: LocalSocket["protocol"],
  ephemeral: EphemeralPorts | undefined,
): LocalSocket[] {
  const sockets: LocalSocket[] = [];
  for (const [, addressHex = "", portHex = "", state] of text.matchAll(
    /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /gm,
  )) {
    const port = Number.parseInt(portHex, 16);
    if (state !== (protocol === "TCP" ? listen : close)) continue;
    if (protocol === "UDP" && ephemeral !== undefined && ephemeral.first <= port && port <= ephemeral.last) continue;
    sockets.push({ protocol, address: parseAddress(addressHex), port });
  }
  return sockets;
}

/** Words of 32 bits, each in the byte order of the machine: little-endian wherever Berth runs (amd64, arm64). */
function parseAddress(hex: string): string | undefined {
  if (/^0+$/.test(hex)) return undefined;
  const bytes = Buffer.from(hex, "hex");
  bytes.swap32();
  if (bytes.length === 4) return bytes.join(".");
  const mapped = bytes.subarray(0, 12).toString("hex") === "00000000000000000000ffff";
  if (mapped) return bytes.subarray(12).join(".");
  const ip = parseIp(bytes.toString("hex").replace(/(.{4})(?=.)/g, "$1:"));
  return ip && formatIp(ip);
}

/** The waiting sockets of this process's network namespace; those of a file that is not there are none. */
export async function readLocalSockets(proc = "/proc"): Promise<readonly LocalSocket[]> {
  const range = await readFile(`${proc}/sys/net/ipv4/ip_local_port_range`, "utf8").catch(() => "");
  const [first = 0, last = 0] = range.trim().split(/\s+/).map(Number);
  const files = [
    ["tcp", "TCP"],
    ["tcp6", "TCP"],
    ["udp", "UDP"],
    ["udp6", "UDP"],
  ] as const;
  const lists = await Promise.all(
    files.map(async ([file, protocol]) => {
      const path = `${proc}/net/${file}`;
      const text = await (protocol === "TCP" ? readListening(path) : readFile(path, "utf8")).catch(() => "");
      return parseLocalSockets(text, protocol, { first, last });
    }),
  );
  return lists.flat();
}

/**
 * The file as far as sockets listen: the kernel lists these first (`tcp_seq_start`), and behind them may be hundreds
 * of thousands of connections.
 */
async function readListening(path: string): Promise<string> {
  await using file = await open(path);
  const chunk = Buffer.alloc(64 * 1024);
  let text = "";
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    const more = chunk.toString("latin1", 0, bytesRead);
    text += more;
    const lastRow = text.slice(text.lastIndexOf("\n", text.length - 2) + 1);
    const state = /^ *\d+: \S+ \S+ ([0-9A-F]{2}) /.exec(lastRow)?.[1];
    if (bytesRead === 0 || (state !== undefined && state !== listen)) return text;
  }
}
