import { setImmediate } from "node:timers/promises";
import type { Family } from "../net/index.ts";
import { type Exec, execOk, ProgramFailedError } from "./exec.ts";

/** A tracked flow: the packet as its sender wrote it, and who answers. */
export interface UdpFlow {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly replySource: string;
  readonly replySourcePort: number;
}

/** Which flows to list: to this port, and to this address if one is given. */
export interface FlowFilter {
  readonly destination: string | undefined;
  readonly destinationPort: number;
}

const timeoutMs = 30_000;
/** Some milliseconds of parsing. */
const linesPerTurn = 2000;

/** Reads what `conntrack -L -p udp` prints, one flow a line. Lines of another shape are left out. */
export function parseUdpFlows(text: string): UdpFlow[] {
  return [...flowsIn(text)];
}

function* flowsIn(text: string): Generator<UdpFlow> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end === -1 ? undefined : end);
    start += line.length + 1;
    const flow = parseFlow(line);
    if (flow !== undefined) yield flow;
  }
}

/** The tuple of the sender's packet, then that of the answer. */
function parseFlow(line: string): UdpFlow | undefined {
  const found: string[] = [];
  let at = 0;
  for (const key of [" src=", " dst=", " sport=", " dport=", " src=", " dst=", " sport="]) {
    const from = line.indexOf(key, at);
    if (from === -1) return undefined;
    const begin = from + key.length;
    const space = line.indexOf(" ", begin);
    at = space === -1 ? line.length : space;
    found.push(line.slice(begin, at));
  }
  const [source = "", destination = "", sourcePort, destinationPort, replySource = "", , replySourcePort] = found;
  return {
    source,
    sourcePort: Number(sourcePort),
    destination,
    destinationPort: Number(destinationPort),
    replySource,
    replySourcePort: Number(replySourcePort),
  };
}

/** One flow for each pair of destination and answering address: all that `forgetAlike` needs to know of the others. */
export function oneOfEach(flows: readonly UdpFlow[]): readonly UdpFlow[] {
  const key = (flow: UdpFlow): string =>
    [flow.destination, flow.destinationPort, flow.replySource, flow.replySourcePort].join(" ");
  return [...new Map(flows.map((flow) => [key(flow), flow])).values()];
}

/** The connection tracking table of one address family. */
export class Conntrack {
  readonly #exec: Exec;
  readonly #family: Family;

  constructor(exec: Exec, family: Family) {
    this.#exec = exec;
    this.#family = family;
  }

  async udpFlows(signal: AbortSignal): Promise<UdpFlow[]> {
    return parseUdpFlows(await this.#list(this.#common(), signal));
  }

  /**
   * The UDP flows that one of the filters takes, all of them without a filter, and that `wanted` takes too. A table may
   * hold hundreds of thousands: they are looked at in steps, and only those wanted are kept.
   */
  async findUdpFlows(
    filters: readonly FlowFilter[],
    wanted: (flow: UdpFlow) => boolean,
    signal: AbortSignal,
  ): Promise<UdpFlow[]> {
    const found: UdpFlow[] = [];
    for (const args of filters.length === 0 ? [[]] : filters.map(filterArgs)) {
      let lines = 0;
      for (const flow of flowsIn(await this.#list([...this.#common(), ...args], signal))) {
        if (wanted(flow)) found.push(flow);
        lines += 1;
        if (lines % linesPerTurn === 0) await setImmediate();
      }
    }
    return found;
  }

  /** TCP connections whose client has not been answered yet; in the same words as UDP flows. */
  async openingFlows(signal: AbortSignal): Promise<UdpFlow[]> {
    return parseUdpFlows(await this.#list(this.#opening(), signal));
  }

  /** All TCP connections, in whatever state. */
  async tcpFlows(signal: AbortSignal): Promise<UdpFlow[]> {
    return parseUdpFlows(await this.#list(this.#tcp(), signal));
  }

  /** Forgets all UDP flows to the destination of this one that are answered by the same as this one, in one go. */
  async forgetAlike(flow: UdpFlow, signal: AbortSignal): Promise<void> {
    await this.#delete([...this.#common(), ...alike(flow)], signal);
  }

  /** Forgets all UDP flows to the destination of this one. */
  async forgetTo(flow: UdpFlow, signal: AbortSignal): Promise<void> {
    await this.#delete([...this.#common(), ...filterArgs(flow)], signal);
  }

  /** As `forgetAlike`, for TCP connections whose client has not been answered yet: its next SYN starts anew. */
  async forgetOpening(flow: UdpFlow, signal: AbortSignal): Promise<void> {
    await this.#delete([...this.#opening(), ...alike(flow)], signal);
  }

  /** As `forgetAlike`, for TCP connections: who goes on sending is refused. */
  async forgetTcp(flow: UdpFlow, signal: AbortSignal): Promise<void> {
    await this.#delete([...this.#tcp(), ...alike(flow)], signal);
  }

  async #list(filter: readonly string[], signal: AbortSignal): Promise<string> {
    return await execOk(this.#exec, "conntrack", ["-L", ...filter], { signal, timeoutMs });
  }

  async #delete(filter: readonly string[], signal: AbortSignal): Promise<void> {
    const args = ["-D", ...filter];
    const result = await this.#exec.run("conntrack", args, { signal, timeoutMs });
    if (result.code !== 0 && !result.stderr.includes(" 0 flow entries"))
      throw new ProgramFailedError("conntrack", args, result);
  }

  #common(): string[] {
    return ["-p", "udp", "-f", this.#family === "IPv4" ? "ipv4" : "ipv6"];
  }

  #tcp(): string[] {
    return ["-p", "tcp", "-f", this.#family === "IPv4" ? "ipv4" : "ipv6"];
  }

  #opening(): string[] {
    return [...this.#tcp(), "--state", "SYN_SENT"];
  }
}

function alike(flow: UdpFlow): readonly string[] {
  return [...filterArgs(flow), "--reply-src", flow.replySource, "--reply-port-src", `${flow.replySourcePort}`];
}

function filterArgs({ destination, destinationPort }: FlowFilter): string[] {
  return [...(destination === undefined ? [] : ["-d", destination]), "--dport", `${destinationPort}`];
}
