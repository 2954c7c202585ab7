// What the scenarios know of a cluster in which Berth runs, whatever it is made of.
import type { Family } from "../../src/net/index.ts";
import type { Client } from "./client.ts";

export interface DriverNode {
  readonly name: string;
  /** On the network of the nodes, in the order of the families. */
  readonly addresses: readonly string[];
}

/** A process, or all processes of a kind, that end and come back. */
export type Part =
  | { readonly what: "apiserver" }
  /** That in the cluster, of class `berth.dev/node`. */
  | { readonly what: "controller" }
  /** That beside it, of class `berth.dev/proxy`. */
  | { readonly what: "proxy controller" }
  | { readonly what: "kubelet" | "agent"; readonly node: string };

/** A running cluster. Disposing it removes all of it. */
export interface Driver extends AsyncDisposable {
  /** What its figures are printed under. */
  readonly name: "sandbox" | "real" | "kind";
  readonly families: readonly Family[];
  readonly nodes: readonly DriverNode[];
  /** In the pod `client` of the namespace `default`, on the first node. */
  readonly inside: Client;
  /** On the network of the nodes, without a route to pods or ClusterIPs. */
  readonly outside: Client;
  /** Berth as the chart installed it; undefined where it was not. */
  readonly release: Release | undefined;
  /** Undefined where nodes cannot be turned off. */
  readonly power: Power | undefined;
  /** Undefined where the processes cannot be seen. */
  readonly footprint: Footprint | undefined;

  /** As the cluster's administrator; what it printed. Throws with what it said when it failed. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** Resolves when what was ended works again. */
  restart(part: Part): Promise<void>;
  /** All rules of a node, as iptables-save prints them. */
  rules(node: string): Promise<string>;
  /** Writes all that the cluster and its processes say of themselves into a folder that exists. */
  collect(folder: string): Promise<void>;
}

/** The chart in the cluster. */
export interface Release {
  /** The values of the installation, on which others are laid. */
  readonly values: object;
  /** Runs helm, with values on its standard input where there are some; what it printed. */
  helm(args: readonly string[], values?: object): Promise<string>;
}

/** The switches of the nodes. */
export interface Power {
  /** Whatever runs on it ends at once. */
  off(node: string): Promise<void>;
  /** Resolves when it has joined the cluster and is Ready. */
  on(node: string): Promise<void>;
}

/** What the processes take. */
export interface Footprint {
  /** The resident memory of the agent, of the controller, and of kube-proxy where there is one to compare with; in words. */
  measure(): Promise<string>;
}
