import { parseCidr } from "../../net/index.ts";
import type { NodeSettings } from "../node-facts.ts";
import { chainNames, kubePrefix } from "../plan/index.ts";

/** Settings of a dual-stack node with the defaults of the command line. */
export function nodeSettings(own: Partial<NodeSettings> = {}): NodeSettings {
  return {
    nodeName: "node-a",
    families: ["IPv4", "IPv6"],
    chains: chainNames(kubePrefix),
    localTraffic: { mode: "ClusterCIDR", cidrs: new Map([["IPv4", "10.0.0.0/8"]]) },
    nodePortAddresses: [],
    localhostNodePorts: false,
    masqueradeAll: false,
    masqueradeBit: 14,
    externalIps: ["0.0.0.0/0", "::/0"].flatMap((text) => parseCidr(text) ?? []),
    reservedPorts: [{ first: 22, last: 22 }],
    dropInvalid: true,
    randomFully: true,
    accounting: new Set(),
    sessionAffinity: new Set(["IPv4", "IPv6"]),
    ...own,
  };
}
