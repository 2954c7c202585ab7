import { firstFew } from "../../src/base/index.ts";
import type { DesiredLoadBalancer, NodeTarget } from "../../src/model/index.ts";
import { formatIp, formatPortRange, type PortRange, portRangeContains } from "../../src/net/index.ts";
import { type Issue, type LbStatus, makePlan, type Plan } from "../../src/provider/index.ts";

/** Nothing outside the API server is ever to be made or taken away. */
export const nothingToDo: Plan = makePlan({ steps: [], summary: "nothing to do" });

/** What addresses of nodes cannot be: ports that the nodes need themselves, and addresses that somebody chooses. */
export function validate(lb: DesiredLoadBalancer, reservedPorts: readonly PortRange[]): readonly Issue[] {
  const reserved = lb.ports
    .filter(({ port }) => reservedPorts.some((range) => portRangeContains(range, port)))
    .map(({ port, protocol }): Issue => {
      const ranges = reservedPorts.map(formatPortRange).join(",");
      return {
        path: "spec.ports",
        port: { port, protocol },
        severity: "refuse",
        reason: "PortReserved",
        message: `nodes need port ${port} on their own addresses (--reserved-ports ${ranges}); take another port`,
      };
    });
  const [address] = lb.requestedAddresses;
  if (address === undefined) return reserved;
  const message = `${formatIp(address)} is not asked for: the addresses are those of nodes, chosen by berth.dev/node-selector`;
  return [...reserved, { path: "spec.loadBalancerIP", severity: "degrade", reason: "AddressNotSupported", message }];
}

/** The addresses of the nodes, family by family; whether they answer now makes no difference. */
export function status({ families }: DesiredLoadBalancer, nodes: readonly NodeTarget[]): LbStatus {
  const losses = lossesOf(nodes);
  const ready = nodes.filter((node) => node.losses === undefined).length;
  return {
    ingress: families.flatMap((family) =>
      nodes.flatMap(({ addresses }) =>
        addresses.filter((ip) => ip.family === family).map((ip) => ({ ip: formatIp(ip), ipMode: "VIP" })),
      ),
    ),
    targets: { ready, total: nodes.length, ...(losses === "" ? {} : { why: losses }) },
    issues: losses === "" ? [] : [{ path: "nodes", severity: "degrade", reason: "NotServedByNodes", message: losses }],
  };
}

/** What agents do not serve, and on which nodes: each reason once. */
function lossesOf(nodes: readonly NodeTarget[]): string {
  const all = nodes.flatMap(({ name, losses = [] }) =>
    losses.map(({ what, why }) => ({ name, text: `${what.replace(/ of .*/, "")} is not served: ${why}` })),
  );
  return [...Map.groupBy(all, ({ text }) => text)]
    .map(([text, those]) => `${text} (${firstFew([...new Set(those.map(({ name }) => name))])})`)
    .sort()
    .join("; ");
}
