import { applyNft, type Exec, execOk, ipBatch, netnsExec } from "../../src/kernel/index.ts";
import { bridge, type ClusterPlan, type HostPlan, type NodePlan, underlayBits, uplink } from "./address-plan.ts";

/** Where a pod's packets go first: the node's end of its cable, the same link-local address on each. */
const gateways = { v4: "169.254.1.1", v6: "fe80::1" } as const;

/** A pod's cable as the kernel sees it. */
export interface PodLink {
  readonly netns: string;
  /** The name of the node's end. */
  readonly cable: string;
  readonly addresses: readonly string[];
}

/** Makes every namespace of the plan but the pods' and joins them to one network. */
export async function buildNetwork(exec: Exec, plan: ClusterPlan, signal: AbortSignal): Promise<void> {
  const hosts = [plan.fabric, plan.client, ...plan.nodes];
  const inside = ({ netns }: HostPlan): Exec => netnsExec(exec, netns);
  const names = hosts.map(({ netns }) => `netns add ${netns}`);
  await ipBatch(exec, names, { signal });
  // Before the first interface exists, as each takes the defaults of that moment.
  await Promise.all(hosts.map((host) => setSysctls(inside(host), hostSysctls, signal)));
  await ipBatch(inside(plan.fabric), fabricCommands(plan), { signal });
  await Promise.all([
    ipBatch(inside(plan.client), hostCommands(plan.client), { signal }),
    ...plan.nodes.map((node) => ipBatch(inside(node), nodeCommands(plan, node), { signal })),
    ...plan.nodes.map((node) => applyNft(inside(node), masquerade(plan, node), { signal })),
  ]);
}

/** Makes a pod's namespace and its cable to the node; removing the namespace takes cable and routes along. */
export async function connectPod(exec: Exec, node: NodePlan, pod: PodLink, signal: AbortSignal): Promise<void> {
  await ipBatch(exec, [`netns add ${pod.netns}`], { signal });
  await ipBatch(netnsExec(exec, node.netns), podCableCommands(node, pod), { signal });
  await ipBatch(netnsExec(exec, pod.netns), podCommands(pod), { signal });
}

async function setSysctls(exec: Exec, settings: readonly string[], signal: AbortSignal): Promise<void> {
  await execOk(exec, "sysctl", ["-q", "-w", ...settings], { signal });
}

/** Forwarding, loose about the way a packet came, and addresses usable at once (no duplicate address detection). */
const hostSysctls = [
  "net.ipv4.ip_forward=1",
  "net.ipv4.conf.all.rp_filter=0",
  "net.ipv4.conf.default.rp_filter=0",
  "net.ipv6.conf.all.disable_ipv6=0",
  "net.ipv6.conf.default.disable_ipv6=0",
  "net.ipv6.conf.all.forwarding=1",
  "net.ipv6.conf.default.accept_dad=0",
  "net.ipv6.conf.default.accept_ra=0",
];

function fabricCommands(plan: ClusterPlan): string[] {
  const others = [plan.client, ...plan.nodes];
  return [
    "link set lo up",
    // Ports forward from the first moment: no spanning tree, no multicast snooping that eats neighbour discovery.
    `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set ${bridge} up`,
    ...addressCommands(plan.fabric, bridge),
    ...others.flatMap((host, i) => [
      `link add port${i} type veth peer name ${uplink} netns ${host.netns}`,
      `link set port${i} master ${bridge} up`,
    ]),
  ];
}

function hostCommands(host: HostPlan): string[] {
  return ["link set lo up", `link set ${uplink} up`, ...addressCommands(host, uplink)];
}

function nodeCommands(plan: ClusterPlan, node: NodePlan): string[] {
  const others = plan.nodes.filter((other) => other !== node);
  return [
    ...hostCommands(node),
    // As every real node has one: a packet for a ClusterIP that nothing translates is routed, and so meets the rules
    // that reject it. The fabric has no route of its own; what is not rejected ends there.
    ...plan.fabric.addresses.map((address) => `route add default via ${address}`),
    ...others.flatMap((other) =>
      other.podCidrs.map((cidr, family) => `route add ${cidr} via ${other.addresses[family] ?? ""}`),
    ),
  ];
}

/**
 * Nobody outside has a route to pods: what a pod sends there carries its node's address, as CNI plug-ins arrange it. In
 * a table of its own, and after kube-proxy's chains, which must see the pod.
 */
function masquerade(plan: ClusterPlan, node: NodePlan): string {
  const rules = node.podCidrs.map((cidr, i) => {
    const family = cidr.includes(":") ? "ip6" : "ip";
    return `${family} saddr ${cidr} ${family} daddr != ${plan.clusterCidrs[i] ?? cidr} masquerade`;
  });
  return `table inet sandbox-cni {
  chain pods-out {
    type nat hook postrouting priority srcnat + 10;
    ${rules.join("\n    ")}
  }
}
`;
}

function addressCommands(host: HostPlan, device: string): string[] {
  return host.addresses.map((address) => `addr add ${address}/${underlayBits(address)} dev ${device}`);
}

/**
 * Every pod hangs on a routed cable of its own, so that traffic between two pods of a node passes the node's
 * netfilter. The node's end has only link-local addresses: what the node sends or masquerades to a pod carries the
 * node's address on the underlay.
 */
function podCableCommands(node: NodePlan, { cable, netns, addresses }: PodLink): string[] {
  return [
    `link add ${cable} type veth peer name ${uplink} netns ${netns}`,
    `link set ${cable} addrgenmode none up`,
    `addr add ${gateways.v4}/32 dev ${cable} scope link`,
    `addr add ${gateways.v6}/64 dev ${cable} nodad`,
    ...addresses.map((address, family) => `route add ${address} dev ${cable} src ${node.addresses[family] ?? ""}`),
  ];
}

function podCommands({ addresses }: PodLink): string[] {
  return [
    "link set lo up",
    `link set ${uplink} addrgenmode none up`,
    ...addresses.flatMap((address) =>
      address.includes(":")
        ? [`addr add ${address}/128 dev ${uplink} nodad`, `route add default via ${gateways.v6} dev ${uplink}`]
        : [
            `addr add ${address}/32 dev ${uplink}`,
            `route add ${gateways.v4} dev ${uplink} scope link`,
            `route add default via ${gateways.v4} dev ${uplink}`,
          ],
    ),
  ];
}
