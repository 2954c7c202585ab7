// What the demo believes: the answers of curl, kubectl, iptables-save and conntrack, and nothing that Berth says of
// itself.
import { type Exec, execOk } from "../../src/kernel/index.ts";
import { withPort } from "../../src/net/index.ts";
import { parseRules, type Rule } from "./rules.ts";

/** The stage that the demo plays on. */
export interface Stage {
  /** Runs kubectl with the user's kubeconfig; throws with what it printed when it fails. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** Runs programs in the namespace of the client outside. */
  readonly client: Exec;
  readonly nodes: readonly StageNode[];
}

export interface StageNode {
  readonly name: string;
  readonly address: string;
  readonly exec: Exec;
}

/** What an echo pod says of a request. */
export interface Answer {
  readonly pod: string;
  readonly node: string;
  readonly client: string;
}

/** One new connection over HTTP from outside. Throws with curl's own words unless a pod answered 200. */
export async function ask(client: Exec, address: string, port: number, signal: AbortSignal): Promise<Answer> {
  const url = `http://${withPort(address, port)}/`;
  const text = await execOk(client, "curl", ["-sS", "--fail", "--max-time", "3", url], { signal });
  const { pod, node, client: seen } = JSON.parse(text) as Partial<Answer>;
  if (pod === undefined || node === undefined || seen === undefined) throw new Error(`no echo pod answered: ${text}`);
  return { pod, node, client: seen };
}

export interface ShownService {
  readonly externalIp: string;
  readonly clusterIp: string;
  readonly ports: readonly {
    name: string;
    protocol: "TCP" | "UDP";
    port: number;
    targetPort: number;
    nodePort: number;
  }[];
}

export async function showService(stage: Stage, name: string): Promise<ShownService> {
  const { spec, status } = JSON.parse(await stage.kubectl(["get", "service", name, "-o", "json"])) as {
    spec: { clusterIP: string; ports: ShownService["ports"] };
    status: { loadBalancer: { ingress?: { ip: string }[] } };
  };
  return { externalIp: status.loadBalancer.ingress?.[0]?.ip ?? "", clusterIp: spec.clusterIP, ports: spec.ports };
}

export interface ShownPod {
  readonly name: string;
  readonly node: string;
  readonly ip: string;
  readonly ready: boolean;
}

/** The pods behind the Service that are not on their way out. */
export async function showPods(stage: Stage): Promise<readonly ShownPod[]> {
  const { items } = JSON.parse(await stage.kubectl(["get", "pods", "-l", "app=echo", "-o", "json"])) as {
    items: {
      metadata: { name: string; deletionTimestamp?: string };
      spec: { nodeName?: string };
      status: { podIP?: string; conditions?: { type: string; status: string }[] };
    }[];
  };
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      node: spec.nodeName ?? "",
      ip: status.podIP ?? "",
      ready: status.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false,
    }));
}

export async function natRules(node: StageNode, signal: AbortSignal): Promise<readonly Rule[]> {
  return parseRules(await execOk(node.exec, "iptables-save", ["-t", "nat"], { signal }));
}

/** The connections that the node's kernel sent from the NodePort to a pod, as conntrack prints them. */
export async function trackedConnections(
  node: StageNode,
  nodePort: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const args = ["-L", "-p", "tcp", "--orig-port-dst", `${nodePort}`];
  const text = await execOk(node.exec, "conntrack", args, { signal });
  return text.split("\n").filter((line) => line.includes(`dport=${nodePort} `));
}
