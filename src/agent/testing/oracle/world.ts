import type { EndpointSlice, Node, Service } from "../../../api/index.ts";
import type { LocalTrafficDetector } from "../../node-facts.ts";

/** All that decides what a node does with a packet. */
export interface World {
  readonly node: Node;
  /** Addresses of the node's interfaces, loopback apart. */
  readonly addresses: readonly string[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  /** What the slices of `default/kubernetes` name. */
  readonly apiServers: readonly { readonly address: string; readonly port: number }[];
  readonly settings: WorldSettings;
}

export interface WorldSettings {
  /** Of the proxy; absent: it serves Services that name none. */
  readonly serviceProxyName?: string;
  readonly localTraffic: LocalTrafficDetector;
  readonly masqueradeAll: boolean;
  readonly localhostNodePorts: boolean;
  /** Prefixes as an admin writes them, or `primary`. */
  readonly nodePortAddresses: "primary" | readonly string[];
  readonly externalIps: readonly string[];
}

export interface SentPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: number;
  /** Through which it comes in. */
  readonly interface: string | undefined;
}

/** What becomes of a packet: whom it may reach, each alike, and which of them see another source than its sender. */
export type Expectation =
  | { readonly kind: "endpoints"; readonly masqueraded: ReadonlyMap<string, boolean> }
  | { readonly kind: "DROP" | "REJECT" }
  /** Not the proxy's business. */
  | { readonly kind: "left alone" }
  /** A NodePort where none is offered, of a Service that nobody can serve: the port is closed either way. */
  | { readonly kind: "closed" };
