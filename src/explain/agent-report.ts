import { agentLease, type Lease, reportAnnotation } from "../api/index.ts";
import { parseReport } from "../model/index.ts";
import { secondsSince } from "./world.ts";

/** What the agent of a node says of one Service, as its Lease has it. */
export interface AgentReport {
  /** Since the last renewal, by the clock of who asks; undefined when the Lease names no time. */
  readonly silentSeconds: number | undefined;
  /** Address families whose rules the kernel holds; undefined when the report cannot be read. */
  readonly programmed: readonly string[] | undefined;
  readonly refused: readonly { readonly frontend: string; readonly why: string }[];
  readonly isolated: readonly { readonly family: string; readonly why: string }[];
  /** How much the agent left out, as there was no room. */
  readonly omitted: number;
}

/**
 * The Leases of the agents that serve Services with this proxy name, on all nodes. Those agents have a prefix of their
 * own in the name of the Lease; which name goes with which prefix, no Lease says.
 */
export function agentLeases(leases: readonly Lease[], proxyName: string | undefined): readonly Lease[] {
  const start = proxyName === undefined ? "berth-agent-" : "berth-agent.";
  return leases.filter(({ metadata }) => metadata.name?.startsWith(start));
}

/** The report of the agent that serves Services with this proxy name; undefined when no Lease is there. */
export function agentReport(
  leases: readonly Lease[],
  {
    node,
    proxyName,
    service,
  }: { readonly node: string; readonly proxyName?: string | undefined; readonly service: string },
  now: number,
): AgentReport | undefined {
  const lease = leases.find(({ metadata: { name = "" } }) => isLeaseOf(name, node, proxyName !== undefined));
  if (lease === undefined) return undefined;
  const { programmed, refused, isolated, omitted } = parseReport(lease.metadata.annotations?.[reportAnnotation] ?? "");
  const isOwn = (one: { readonly service?: string }): boolean => one.service === service;
  return {
    silentSeconds: secondsSince(lease.spec?.renewTime, now),
    programmed,
    refused: refused.filter(isOwn).map(({ frontend, why }) => ({ frontend: frontend || notSaid, why: why || notSaid })),
    isolated: isolated.filter(isOwn).map(({ family, why }) => ({ family: family || notSaid, why: why || notSaid })),
    omitted,
  };
}

const notSaid = "not said";

/** No prefix has a dot. */
function isLeaseOf(lease: string, node: string, isNamed: boolean): boolean {
  if (!isNamed) return lease === agentLease(node);
  const [head = "", prefix = ""] = lease.split(".", 2);
  return head === "berth-agent" && lease === agentLease(node, prefix);
}
