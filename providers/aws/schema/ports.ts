import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import type { Kind } from "./kinds.ts";
import type { ListenerProtocol } from "./spec.ts";

export type Port = DesiredLoadBalancer["ports"][number];

/** A port and the protocol of its listener. */
export interface ChosenPort {
  readonly port: Port;
  readonly protocol: ListenerProtocol;
}

/** Ports of a protocol, by name or number; `*` is all of them. */
export function portList({ ports }: DesiredLoadBalancer, protocol?: Port["protocol"]): Kind<readonly Port[]> {
  const own = ports.filter((port) => protocol === undefined || port.protocol === protocol);
  const names = own.map(({ name, port }) => (name === "" ? `${port}` : `${name} (${port})`));
  return {
    allowed: `* or names or numbers of ${protocol ?? "its"} ports, separated by commas: ${names.join(", ") || "there are none"}`,
    parse(text) {
      if (text === "*") return own;
      const found = text.split(",").map((part) => {
        const word = part.trim();
        return own.filter(({ name, port }) => name === word || `${port}` === word);
      });
      return found.some((list) => list.length === 0) ? undefined : found.flat();
    },
  };
}
