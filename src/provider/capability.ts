import type { DesiredLoadBalancer } from "../model/index.ts";
import type { Capabilities, Issue } from "./contract.ts";

/** What a load balancer asks for and an adapter of these capabilities cannot do; found before the first call. */
export function unsupported(lb: DesiredLoadBalancer, can: Capabilities): readonly Issue[] {
  return [...portIssues(lb, can), ...familyIssues(lb, can), ...optionIssues(lb, can)];
}

function portIssues(lb: DesiredLoadBalancer, can: Capabilities): readonly Issue[] {
  const issues: Issue[] = [];
  const possible = [...new Set(lb.ports.map(({ protocol }) => protocol))].filter((one) => can.protocols.includes(one));
  for (const { name, protocol, port, nodePort } of lb.ports) {
    const path = name === "" ? "spec.ports" : `spec.ports[name=${name}]`;
    if (!can.protocols.includes(protocol))
      issues.push({
        path: `${path}.protocol`,
        port: { port, protocol },
        severity: "refuse",
        reason: "LoadBalancerProtocolNotSupported",
        message: `port ${port} asks for ${protocol}; this load balancer takes ${can.protocols.join(", ")}`,
      });
    else if (!can.mixedProtocols && possible.length > 1)
      // Of each port, as none is less wanted than another: what is told of ports alone is `LoadBalancerPortsError`.
      issues.push({
        path: `${path}.protocol`,
        port: { port, protocol },
        severity: "refuse",
        reason: "LoadBalancerMixedProtocolNotSupported",
        message: `port ${port} asks for ${protocol} beside ${possible.filter((one) => one !== protocol).join(", ")}; this load balancer cannot mix protocols; make one Service per protocol`,
      });
    if (can.needsNodePorts && nodePort === 0)
      issues.push({
        path: `${path}.nodePort`,
        port: { port, protocol },
        severity: "refuse",
        reason: "NodePortMissing",
        message: `port ${port}/${protocol} has no nodePort, through which this load balancer reaches the nodes; set spec.allocateLoadBalancerNodePorts to true or the nodePort by hand, or let Berth set it by the policy Ensure`,
      });
  }
  return issues;
}

function familyIssues(lb: DesiredLoadBalancer, can: Capabilities): readonly Issue[] {
  const path = "spec.ipFamilies";
  const foreign = lb.families.filter((family) => !can.families.includes(family));
  if (foreign.length > 0)
    return [
      {
        path,
        severity: "refuse",
        reason: "IPFamiliesNotSupported",
        message: `${foreign.join(", ")} is asked for; this load balancer has ${can.families.join(", ")}`,
      },
    ];
  if (lb.families.length < 2 || can.dualStack) return [];
  const message = "this load balancer has one address family only; set spec.ipFamilyPolicy to SingleStack";
  return [{ path, severity: "refuse", reason: "IPFamiliesNotSupported", message }];
}

function optionIssues(lb: DesiredLoadBalancer, can: Capabilities): readonly Issue[] {
  const issues: Issue[] = [];
  if (lb.sourceRanges.length > 0 && !can.sourceRanges)
    issues.push({
      path: "spec.loadBalancerSourceRanges",
      severity: "refuse",
      reason: "SourceRangesNotSupported",
      message: "this load balancer cannot restrict who connects; remove the ranges or take another class",
    });
  if (lb.sessionAffinity.kind === "ClientIP" && !can.sessionAffinity)
    issues.push({
      path: "spec.sessionAffinity",
      severity: "degrade",
      reason: "SessionAffinityNotSupported",
      message: "this load balancer does not keep a client on one node",
    });
  return issues;
}
