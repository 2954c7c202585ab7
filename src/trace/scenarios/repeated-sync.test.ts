import { beforeEach, describe, expect, it } from "vitest";
import { chainName } from "../../agent/plan/names.ts";
import { port } from "../../model/testing/objects.ts";
import { serve } from "../testing/scenario.ts";
import { SyncedNode } from "../testing/synced-node.ts";

const svc =
  (n: number, number = 80) =>
  (endpoints: string[]) =>
    serve(`ns${n}/svc${n}`, { clusterIP: `172.30.0.4${n}`, ports: [port(`p${number}`, number)] }, endpoints);
const [svc1, svc2, svc3, svc4] = [svc(1), svc(2, 8080), svc(3), svc(4)] as const;
const sep = (n: number, address: string) => chainName("KUBE-SEP-", `ns${n}/svc${n}:p80tcp${address}:80`);
const svcChain = (n: number) => chainName("KUBE-SVC-", `ns${n}/svc${n}:p80tcp`);

// Of a node without Services: 1 in KUBE-SERVICES, 1 in KUBE-MARK-MASQ, 3 in KUBE-POSTROUTING; 3 in KUBE-FORWARD.
const empty = { nat: 5, filter: 3 };
const natJumps = 3;
const filterJumps = 11;
/** One in KUBE-SERVICES, then in KUBE-SVC- the masquerade rule and one for each endpoint, each of which has two. */
const clusterIp = (endpoints: number): number => 2 + 3 * endpoints;

let node: SyncedNode;

beforeEach(async () => {
  node = new SyncedNode();
  node.set(svc1(["10.0.1.1"]), svc2(["10.0.2.1"]));
  await node.sync();
});

async function counts() {
  return { nat: await node.rules("nat"), filter: await node.rules("filter"), restores: node.kernel.restores.length };
}

it("counts the rules of each sync exactly", async () => {
  let nat = empty.nat + 2 * clusterIp(1);
  const quiet = { total: empty.filter, written: 0 };
  expect(await counts()).toEqual({
    nat: { total: nat, written: nat + natJumps },
    filter: { total: empty.filter, written: empty.filter + filterJumps },
    restores: 1,
  });

  // A new Service: its chains, and KUBE-SERVICES with its 4 rules.
  node.set(svc3(["10.0.3.1"]));
  await node.sync();
  nat += clusterIp(1);
  expect(await counts()).toEqual({ nat: { total: nat, written: 4 + 4 }, filter: quiet, restores: 2 });
  expect(node.send("pod", "172.30.0.43:80")).toBe("10.0.3.1:80");

  node.delete("ns2/svc2");
  await node.sync();
  nat -= clusterIp(1);
  expect(await counts()).toEqual({ nat: { total: nat, written: 3 }, filter: quiet, restores: 3 });
  expect(node.send("pod", "172.30.0.42:8080")).toBe("ACCEPT");

  // A Service whose endpoints come later: first it refuses, then it serves.
  node.set(svc4([]));
  await node.sync();
  expect(await counts()).toEqual({
    nat: { total: nat, written: 0 },
    filter: { total: empty.filter + 1, written: 1 },
    restores: 4,
  });
  expect(node.send("pod", "172.30.0.44:80")).toBe("REJECT");
  node.set(svc4(["10.0.4.1"]));
  await node.sync();
  nat += clusterIp(1);
  expect(await counts()).toEqual({ nat: { total: nat, written: 4 + 4 }, filter: quiet, restores: 5 });
  expect(node.send("pod", "172.30.0.44:80")).toBe("10.0.4.1:80");

  // Another address of an endpoint: KUBE-SVC- and the new KUBE-SEP-, two rules each.
  node.set(svc3(["10.0.3.2"]));
  await node.sync();
  expect(await counts()).toEqual({ nat: { total: nat, written: 4 }, filter: quiet, restores: 6 });
  expect(node.kernel.restores.at(-1)).toContain(`-X ${sep(3, "10.0.3.1")}\n`);

  // One endpoint more: KUBE-SVC- with three rules, the new KUBE-SEP- with two.
  node.set(svc3(["10.0.3.2", "10.0.3.3"]));
  await node.sync();
  nat += 3;
  expect(await counts()).toEqual({ nat: { total: nat, written: 5 }, filter: quiet, restores: 7 });
  expect(node.send("pod", "172.30.0.43:80")).toBe("10.0.3.2:80, 10.0.3.3:80");

  // Nothing new, nothing written; nor for a change that was taken back before anybody saw it.
  await node.sync();
  node.set(svc3(["10.0.3.9"]));
  node.set(svc3(["10.0.3.2", "10.0.3.3"]));
  await node.sync();
  expect(await counts()).toEqual({ nat: { total: nat, written: 0 }, filter: quiet, restores: 7 });
});

it("recovers from a write that fails because somebody put a rule among ours", async () => {
  node.set(svc3(["10.0.3.1"]), svc4(["10.0.4.1"]));
  await node.sync();
  // Now the chain cannot be deleted, as the chain of another Service jumps to it.
  node.kernel.chain("nat", svcChain(3))?.push(`-j ${sep(4, "10.0.4.1")}`);
  node.delete("ns4/svc4");
  await node.sync();
  await node.sync();
  expect(await node.metric("sync_proxy_rules_iptables_partial_restore_failures_total")).toBe(1);
  expect(node.kernel.save()).not.toContain("ns4/svc4");
  expect(node.kernel.chain("nat", svcChain(3))).toHaveLength(2);
  expect(node.send("pod", "172.30.0.43:80")).toBe("10.0.3.1:80");
  expect(node.send("pod", "172.30.0.44:80")).toBe("ACCEPT");
  expect(await node.rules("nat")).toMatchObject({ total: empty.nat + 3 * clusterIp(1) });
});

describe("Services without an endpoint here", () => {
  const internal = { internalTrafficPolicy: "Local" };
  const external = { externalTrafficPolicy: "Local" };
  const some = ["10.0.1.1 here", "10.0.1.2 there", "10.0.1.3 there"];
  const elsewhere = ["10.0.1.1 there", "10.0.1.2 there", "10.0.1.3"];

  it.each([
    ["internal", internal, some, 0, 0],
    ["external", external, some, 0, 0],
    ["both", { ...internal, ...external }, some, 0, 0],
    ["internal, none here", internal, elsewhere, 1, 0],
    ["external, none here", external, elsewhere, 0, 1],
    ["both, none here", { ...internal, ...external }, elsewhere, 1, 1],
    ["both, none anywhere", { ...internal, ...external }, [], 0, 0],
  ])("are counted: %s", async (_what, policies, endpoints, inside, outside) => {
    const ports = [port("p80", 80, { nodePort: 3001 })];
    node.set(serve("ns/x", { type: "NodePort", clusterIP: "172.30.1.1", ports, ...policies }, endpoints));
    await node.sync();
    const metric = (traffic: string) =>
      node.metric("sync_proxy_rules_no_local_endpoints_total", { traffic_policy: traffic });
    expect([await metric("internal"), await metric("external")]).toEqual([inside, outside]);
  });
});
