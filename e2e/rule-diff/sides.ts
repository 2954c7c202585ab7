import { join } from "node:path";
import { difference, observe, restoreInput } from "../../src/agent/apply/difference.ts";
import { type LocalTrafficDetector, nodeFacts } from "../../src/agent/node-facts.ts";
import { ServiceTable } from "../../src/agent/service-table.ts";
import { nodeSettings } from "../../src/agent/testing/settings.ts";
import { MemoryState } from "../../src/agent/testing/state.ts";
import { objectKey } from "../../src/api/index.ts";
import { assertNever } from "../../src/base/index.ts";
import { FakeIptables } from "../../src/kernel/fake-iptables.ts";
import { type Exec, type ExecOptions, execOk } from "../../src/kernel/index.ts";
import { type Family, parseCidr } from "../../src/net/index.ts";
import type { World } from "./world.ts";

export const families: readonly Family[] = ["IPv4", "IPv6"];

/** Addresses of the node beside loopback, the main one of each family first. */
export const nodeAddresses: Readonly<Record<Family, readonly string[]>> = {
  IPv4: ["192.168.0.2", "192.168.1.2"],
  IPv6: ["fd00:2::2"],
};

const podPrefixes: ReadonlyMap<Family, string> = new Map([
  ["IPv4", "10.0.0.0/8"],
  ["IPv6", "fd00:10::/32"],
]);
const bridge = "cni0";
const interfacePrefix = "veth";

const program = join(import.meta.dirname, "../kube-binaries/bin/kube-proxy-rules");

/** What kube-proxy writes for each family, as `iptables-save` shows it; `inside`: a namespace with the node's addresses. */
export async function kubeProxyRules(inside: Exec, world: World, options: ExecOptions): Promise<readonly string[]> {
  const cases = families.map((family) => ({
    Family: family,
    NodeName: "node-a",
    NodeIP: nodeAddresses[family][0],
    Zone: world.zone ?? "",
    Detect: world.detect,
    Local: { "": "", cidr: podPrefixes.get(family), bridge, prefix: interfacePrefix }[world.detect],
    // The word is kube-proxy's outer layer's, which puts prefixes in its place.
    NodePortAddresses:
      world.nodePortAddresses[0] === "primary"
        ? [`${nodeAddresses.IPv4[0]}/32`, `${nodeAddresses.IPv6[0]}/128`]
        : world.nodePortAddresses,
    LocalhostNodePorts: world.localhostNodePorts,
    MasqueradeAll: world.masqueradeAll,
    MasqueradeBit: world.masqueradeBit,
    BeLiberal: !world.dropInvalid,
    Services: world.services,
    Slices: world.slices,
  }));
  return JSON.parse(await execOk(inside, program, [], { ...options, stdin: JSON.stringify(cases) }));
}

/** What the agent writes on a host without any rule, for each family. `accounting`: whether xt_nfacct is there. */
export async function agentRules(world: World, accounting: boolean): Promise<readonly string[]> {
  const { localhostNodePorts, masqueradeAll, masqueradeBit, dropInvalid } = world;
  const settings = nodeSettings({
    localTraffic: detector(world),
    nodePortAddresses:
      world.nodePortAddresses[0] === "primary"
        ? "primary"
        : world.nodePortAddresses.flatMap((text) => parseCidr(text) ?? []),
    localhostNodePorts,
    masqueradeAll,
    masqueradeBit,
    dropInvalid,
    accounting: new Set(accounting ? families : []),
    reservedPorts: [],
  });
  const state = new MemoryState();
  for (const service of world.services) state.services.set(objectKey(service.metadata), service);
  for (const slice of world.slices) {
    const key = `ns/${slice.metadata.labels?.["kubernetes.io/service-name"]}`;
    state.allSlices.set(key, [...state.slices(key), slice]);
  }
  const main = families.flatMap((family) => nodeAddresses[family].slice(0, 1));
  const node = {
    metadata: { name: "node-a", labels: world.zone === undefined ? {} : { "topology.kubernetes.io/zone": world.zone } },
    status: { addresses: main.map((address) => ({ type: "InternalIP", address })) },
  };
  const local = ["127.0.0.1", ...nodeAddresses.IPv4, "::1", ...nodeAddresses.IPv6];
  const table = new ServiceTable(families, async () => []);
  await table.update([], state, nodeFacts(settings, node, [], local));
  return families.map((family) => {
    const wanted = table.program(family);
    const host = new FakeIptables(family);
    host.restore([...restoreInput(difference(observe(new Map(), wanted), wanted))].join("\n"));
    return host.save();
  });
}

function detector({ detect }: World): LocalTrafficDetector {
  switch (detect) {
    case "bridge":
      return { mode: "BridgeInterface", name: bridge };
    case "prefix":
      return { mode: "InterfaceNamePrefix", prefix: interfacePrefix };
    case "cidr":
      return { mode: "ClusterCIDR", cidrs: podPrefixes };
    case "":
      return { mode: "ClusterCIDR", cidrs: new Map() };
    default:
      return assertNever(detect, "way to tell pods from others");
  }
}
