import { beforeEach, expect, it } from "vitest";
import { chainName } from "../../agent/plan/names.ts";
import { serve } from "../testing/scenario.ts";
import { SyncedNode } from "../testing/synced-node.ts";

const stale = {
  service: "KUBE-SVC-AAAAAAAAAAAAAAAA",
  local: "KUBE-SVL-AAAAAAAAAAAAAAAA",
  external: "KUBE-EXT-AAAAAAAAAAAAAAAA",
  firewall: "KUBE-FW-AAAAAAAAAAAAAAAA",
  endpoint: "KUBE-SEP-AAAAAAAAAAAAAAAA",
};
const own = chainName("KUBE-SVC-", "ns/web:p80tcp");

/** What another proxy, stopped in the middle of its work, and a network plug-in may leave behind. */
const found = [
  "*nat",
  ":KUBE-SERVICES - [0:0]",
  ":KUBE-NODEPORTS - [0:0]",
  ":KUBE-MARK-MASQ - [0:0]",
  ":KUBE-POSTROUTING - [0:0]",
  ":CNI-HOSTPORT-DNAT - [0:0]",
  ...Object.values({ ...stale, own }).map((chain) => `:${chain} - [0:0]`),
  "-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
  '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  "-A CNI-HOSTPORT-DNAT -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.7:80",
  '-A KUBE-SERVICES -m comment --comment "ns/gone:p80 cluster IP" -m tcp -p tcp -d 172.30.0.99 --dport 80 -j KUBE-SVC-AAAAAAAAAAAAAAAA',
  `-A KUBE-SERVICES -m comment --comment "ns/web:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80 -j ${own}`,
  `-A ${stale.external} -j KUBE-MARK-MASQ`,
  `-A ${stale.external} -j ${stale.service}`,
  `-A ${stale.firewall} -s 203.0.113.0/25 -j ${stale.external}`,
  `-A ${stale.local} -j ${stale.endpoint}`,
  `-A ${stale.service} -j ${stale.endpoint}`,
  `-A ${stale.endpoint} -p tcp -m tcp -j DNAT --to-destination 10.0.0.99:80`,
  // An endpoint of the Service that is not there any more.
  `-A ${own} -j ${stale.endpoint}`,
  // kube-proxy's default mark, or another's.
  "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x8000/0x8000",
  "COMMIT",
  "*filter",
  ":KUBE-EXTERNAL-SERVICES - [0:0]",
  '-A KUBE-EXTERNAL-SERVICES -m comment --comment "ns/gone:p80 has no endpoints" -m tcp -p tcp -d 203.0.113.99 --dport 80 -j REJECT',
  '-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES',
  "-A FORWARD -s 10.66.0.0/16 -j DROP",
  "COMMIT",
  "",
].join("\n");

let node: SyncedNode;

beforeEach(() => {
  node = new SyncedNode();
  node.kernel.restore(found);
  node.set(serve("ns/web", { clusterIP: "172.30.0.41" }, ["10.0.0.1 here"]));
});

it("is wrong before", () => {
  expect(node.send("pod", "172.30.0.41:80")).toBe("10.0.0.99:80");
  expect(node.send("pod", "172.30.0.99:80")).toBe("10.0.0.99:80");
});

it("serves what there is and nothing of what is gone", async () => {
  await node.sync();
  expect(node.send("pod", "172.30.0.41:80")).toBe("10.0.0.1:80");
  expect(node.send("client", "172.30.0.41:80")).toBe("10.0.0.1:80 masqueraded");
  expect(node.send("pod", "172.30.0.99:80")).toBe("ACCEPT");
  expect(node.send("client", "203.0.113.99:80")).toBe("ACCEPT");
  const saved = node.kernel.save();
  for (const chain of Object.values(stale)) expect(saved).not.toContain(chain);
});

it("leaves what others wrote where it was", async () => {
  await node.sync();
  expect(node.kernel.chain("nat", "PREROUTING")?.[0]).toBe("-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT");
  expect(node.send("client", "node:8080")).toBe("10.0.0.7:80");
  expect(node.send("10.66.0.1", "8.8.8.8:53/udp")).toBe("DROP");
});

it("needs one write, and then none", async () => {
  await node.sync();
  await node.sync();
  expect(node.kernel.restores).toHaveLength(1);
});
