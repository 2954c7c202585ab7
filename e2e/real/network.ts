import { addNetns, deleteNetns, type Exec, execOk, ipBatch, netnsExec } from "../../src/kernel/index.ts";
import { addresses, type Host, networks, type Plan } from "./plan.ts";

const bridge = "nodes";
/** Of each member, to the bridge. */
const uplink = "eth0";

/** Namespaces on one bridge, which go away when it is disposed. */
export async function buildNetwork(exec: Exec, plan: Plan, signal: AbortSignal): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const members = [...plan.nodes, plan.outside];
  for (const { netns } of [plan.controlPlane, ...members]) {
    await addNetns(exec, netns, { signal });
    stack.defer(() => deleteNetns(exec, netns, { signal: new AbortController().signal }));
    await execOk(netnsExec(exec, netns), "sysctl", ["-q", "-w", "net.ipv4.ip_forward=1"], { signal });
  }
  const { controlPlane } = plan;
  await ipBatch(netnsExec(exec, controlPlane.netns), ["link set lo up", ...bridgeCommands(plan, members)], { signal });
  for (const member of members) await ipBatch(netnsExec(exec, member.netns), memberCommands(plan, member), { signal });
  return stack.move();
}

function bridgeCommands({ controlPlane, nodes }: Plan, members: readonly Host[]): readonly string[] {
  return [
    `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set ${bridge} up`,
    `addr add ${controlPlane.address}/24 dev ${bridge}`,
    ...members.flatMap(({ netns }, index) => [
      `link add port${index} type veth peer name ${uplink} netns ${netns}`,
      `link set port${index} master ${bridge} up`,
    ]),
    ...nodes.map(({ podNetwork, address }) => `route add ${podNetwork} via ${address}`),
  ];
}

function memberCommands({ nodes }: Plan, member: Host): readonly string[] {
  return [
    "link set lo up",
    `link set ${uplink} up`,
    `addr add ${member.address}/${networks.nodes.split("/")[1]} dev ${uplink}`,
    // Whoever is outside knows no pods.
    ...nodes
      .filter((node) => node !== member && nodes.some(({ netns }) => netns === member.netns))
      .map(({ podNetwork, address }) => `route add ${podNetwork} via ${address}`),
    `route add default via ${addresses.apiServer}`,
  ];
}
