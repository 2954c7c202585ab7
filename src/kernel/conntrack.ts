import type { Family } from "../net/index.ts";
import { type Exec, execOk, ProgramFailedError } from "./exec.ts";

/** A tracked UDP flow: the packet as its sender wrote it, and who answers. */
export interface UdpFlow {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly replySource: string;
  readonly replySourcePort: number;
}

const timeoutMs = 30_000;

/** Reads what `conntrack -L -p udp` prints, one flow a line. Lines of another shape are left out. */
export function parseUdpFlows(text: string): UdpFlow[] {
  return text.split("\n").flatMap((line) => {
    const values = (key: string): string[] =>
      [...line.matchAll(new RegExp(` ${key}=(\\S+)`, "g"))].map((m) => m[1] ?? "");
    const [[source, replySource], [destination], [sourcePort, replySourcePort], [destinationPort]] = [
      values("src"),
      values("dst"),
      values("sport"),
      values("dport"),
    ];
    if (source === undefined || replySource === undefined || destination === undefined) return [];
    return [
      {
        source,
        sourcePort: Number(sourcePort),
        destination,
        destinationPort: Number(destinationPort),
        replySource,
        replySourcePort: Number(replySourcePort),
      },
    ];
  });
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
    return parseUdpFlows(await execOk(this.#exec, "conntrack", ["-L", ...this.#common()], { signal, timeoutMs }));
  }

  /** TCP connections whose client has not been answered yet; in the same words as UDP flows. */
  async openingFlows(signal: AbortSignal): Promise<UdpFlow[]> {
    return parseUdpFlows(await execOk(this.#exec, "conntrack", ["-L", ...this.#opening()], { signal, timeoutMs }));
  }

  /** Forgets one flow, so that its next packet meets the rules again. A flow that is gone already is no error. */
  async forget(flow: UdpFlow, signal: AbortSignal): Promise<void> {
    const tuple = ["-s", flow.source, "-d", flow.destination];
    const ports = ["--sport", `${flow.sourcePort}`, "--dport", `${flow.destinationPort}`];
    await this.#delete([...this.#common(), ...tuple, ...ports], signal);
  }

  /** Forgets all UDP flows to the destination of this one that are answered by the same as this one, in one go. */
  async forgetAlike(flow: UdpFlow, signal: AbortSignal): Promise<void> {
    await this.#delete([...this.#common(), ...alike(flow)], signal);
  }

  /** As `forgetAlike`, for TCP connections whose client has not been answered yet: its next SYN starts anew. */
  async forgetOpening(flow: UdpFlow, signal: AbortSignal): Promise<void> {
    await this.#delete([...this.#opening(), ...alike(flow)], signal);
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

  #opening(): string[] {
    return ["-p", "tcp", "--state", "SYN_SENT", "-f", this.#family === "IPv4" ? "ipv4" : "ipv6"];
  }
}

function alike({ destination, destinationPort, replySource, replySourcePort }: UdpFlow): readonly string[] {
  const asked = ["-d", destination, "--dport", `${destinationPort}`];
  return [...asked, "--reply-src", replySource, "--reply-port-src", `${replySourcePort}`];
}
