import { annotations, apiGroup, type LoadBalancerIngress } from "../../api/index.ts";
import { errorMessage, firstFew } from "../../base/index.ts";
import type { DesiredLoadBalancer, NodeSet } from "../../model/index.ts";
import { type Issue, isConverged, type LbStatus } from "../../provider/index.ts";
import type { Convergence } from "../engine/convergence.ts";
import type { Failure } from "../engine/provider-runner.ts";
import type { Finding, Findings } from "./conditions.ts";
import { withoutRequestIds } from "./plain-text.ts";

export const reasons = {
  pending: "Pending",
  paused: "Paused",
  unknownAnnotation: "UnknownAnnotation",
  replacementRequired: "ReplacementRequired",
  noBackends: "NoBackends",
} as const;

/** The Service asks for something that cannot be: it is left as it is, whatever it is, until it is changed. */
export function refused(issues: readonly Issue[]): Findings {
  const ports = issues.filter(({ port }) => port !== undefined);
  return {
    accepted: summary(issues, false),
    portsError: ports.length === 0 ? null : summary(ports, true),
  };
}

/** The Service is understood, but could not be brought further. */
export function hindered(programmed: Finding, warnings: readonly string[]): Findings {
  return { accepted: acceptance(warnings), programmed, portsError: null };
}

/** Nothing is done for it, by its own word. */
export const paused: Finding = {
  status: false,
  reason: reasons.paused,
  message: `nothing is done for the Service, not even its deletion, while its annotation ${annotations.paused} is "true"`,
};

/** Its load balancer is there, but its class is nobody's any more: it stays as it is. */
export const unserved: Findings = {
  accepted: {
    status: false,
    reason: "ClassNotServed",
    message:
      "the load balancer stays as it is, but the class is no longer served here; restore its LoadBalancerClass or --load-balancer-class, or for a Service without one the default class or --own-unclassed, or delete the Service",
  },
};

/** It is being deleted, and what is to become of its load balancer cannot be read. */
export const fateUnknown: Findings = {
  programmed: {
    status: false,
    reason: "InvalidDeletionPolicy",
    message: `the Service is not let go: metadata.annotations[${annotations.deletionPolicy}] is neither Retain nor Delete; give one of them`,
  },
};

/** What a round of work came to. */
export function concluded(
  run: Convergence<unknown>,
  failure: Failure | undefined,
  status: LbStatus,
  { lb, nodes, issues, warnings }: Outlook,
): Findings {
  const stepIssues = run.outcomes.flatMap((outcome) => (outcome.state === "done" ? outcome.issues : []));
  const losses = [...issues, ...status.issues, ...stepIssues];
  return {
    accepted: acceptance(warnings),
    programmed: failure === undefined ? progress(run) : failed(failure),
    ready: readyFinding(status, lb, nodes),
    degraded:
      losses.length === 0
        ? { status: false, reason: "NotDegraded", message: "nothing is lost" }
        : summary(losses, true),
    portsError: null,
  };
}

/** Nothing is wrong with the Service: its provider does not take work at the moment. */
export function resting(provider: string): Finding {
  return { status: false, reason: reasons.pending, message: `provider ${provider} asked to be left alone for a while` };
}

export function failed({ error, decision, what }: Failure): Finding {
  const why = withoutRequestIds(errorMessage(error));
  const text = what === undefined ? why : `${what}: ${why}`;
  const remedy = decision.kind === "park" ? `; ${decision.remedy}` : "";
  return { status: false, reason: decision.reason, message: `${text}${remedy}` };
}

/** What the work was for. */
interface Outlook {
  readonly lb: DesiredLoadBalancer;
  readonly nodes: NodeSet;
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

function acceptance(warnings: readonly string[]): Finding {
  const valid = "class and spec are valid";
  if (warnings.length === 0) return { status: true, reason: "Accepted", message: valid };
  return { status: true, reason: reasons.unknownAnnotation, message: `${valid}, but ${warnings.join("; ")}` };
}

export function progress({ plan, outcomes, replacement }: Convergence<unknown>): Finding {
  if (replacement)
    return {
      status: false,
      reason: reasons.replacementRequired,
      message: `not done, as it replaces the address: ${plan.summary}; set the annotation ${annotations.allowReplace}: "true" to allow it`,
    };
  if (isConverged(plan))
    return { status: true, reason: "Programmed", message: "the load balancer is as the Service asks" };
  const pending = outcomes.find((outcome) => outcome.state === "pending");
  return { status: false, reason: reasons.pending, message: pending?.what ?? plan.waits[0]?.what ?? plan.summary };
}

/** Without numbers, so that a node more or less that is healthy is no write to the API. */
function readyFinding({ targets }: LbStatus, { healthCheck }: DesiredLoadBalancer, nodes: NodeSet): Finding {
  if (targets.ready > 0)
    return { status: true, reason: "TargetsReady", message: "at least one node passes its health check" };
  if (nodes.targets.length === 0) return { status: false, reason: reasons.noBackends, message: whyNoNodes(nodes) };
  const { protocol, port, path } = healthCheck;
  return {
    status: false,
    reason: "NoHealthyTargets",
    message: targets.why ?? `no node passes its health check, ${protocol} port ${port} ${path}`,
  };
}

function whyNoNodes({ excluded }: NodeSet): string {
  if (excluded.length === 0) return "the cluster has no nodes";
  const all = excluded.map(({ name, by }) => `${name} by ${by}`);
  return `every node is excluded from load balancers: ${firstFew(all, { most: 5 })}`;
}

function summary(issues: readonly Issue[], status: boolean): Finding {
  const names = [...new Set(issues.map(({ reason }) => reason))];
  return {
    status,
    reason: names.length === 1 ? (names[0] ?? "") : "Multiple",
    message: issues.map(({ path, message }) => `${path}: ${message}`).join("; "),
  };
}

/** Entries of `status.loadBalancer.ingress` with an error on each port that cannot be had (KEP-1435). */
export function withPortErrors(
  ingress: readonly LoadBalancerIngress[],
  lb: DesiredLoadBalancer,
  issues: readonly Issue[],
): readonly LoadBalancerIngress[] {
  const errors = new Map(issues.flatMap(({ port, reason }) => (port === undefined ? [] : [[portKey(port), reason]])));
  if (errors.size === 0) return ingress;
  const ports = lb.ports.map(({ port, protocol }) => {
    const reason = errors.get(portKey({ port, protocol }));
    return { port, protocol, ...(reason === undefined ? {} : { error: `${apiGroup}/${reason}` }) };
  });
  return ingress.map((entry) => ({ ...entry, ports }));
}

function portKey({ port, protocol }: NonNullable<Issue["port"]>): string {
  return `${protocol}/${port}`;
}
