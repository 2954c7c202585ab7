import { beforeEach, expect, it } from "vitest";
import { errorMessage } from "../base/index.ts";
import { port, service, slice } from "../model/testing/objects.ts";
import type { NodeProxy } from "./node-proxy.ts";
import { ProxyBench } from "./testing/proxy-bench.ts";

const signal = new AbortController().signal;

/** Chains that a restore writes, without their rules. */
function chains(restore: string): string[] {
  return [...restore.matchAll(/^:(\S+) /gm)].map((match) => match[1]!);
}

let bench: ProxyBench;
let proxy: NodeProxy;

const web = (spec = {}, ingress: string[] = []) =>
  service("ns/web", { clusterIP: "172.30.0.41", ports: [port("p80", 80)], ...spec }, ingress);
const endpoints = (...ips: string[]) => [
  slice(
    "web-1",
    [{ name: "p80", port: 8080 }],
    ips.map((ip) => ({ ip, node: "node-a" })),
  ),
];

/** What was told of families that failed. */
function failures(): string[] {
  return bench.log.fieldsOf("rules not programmed").map(({ family, err }) => `${family} ${errorMessage(err)}`);
}

async function change(): Promise<void> {
  proxy.serviceChanged("ns/web");
  await proxy.sync(signal);
}

beforeEach(async () => {
  bench = new ProxyBench();
  bench.state.services.set("ns/web", web());
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.1"));
  proxy = bench.start();
  await change();
});

it("writes one restore for each family at first, and none when nothing changed", async () => {
  expect(bench.v4.restores).toHaveLength(1);
  expect(bench.v6.restores).toHaveLength(1);
  expect(bench.log.fieldsOf("rules compared with the kernel")).toMatchObject([{ family: "IPv4" }, { family: "IPv6" }]);
  bench.forget();
  await change();
  await proxy.sync(signal);
  expect(bench.restores).toEqual([]);
  expect(bench.log.lines).toEqual([]);
});

it("writes only the chains of the Service that changed, and says why", async () => {
  bench.forget();
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.2"));
  await change();
  expect(bench.restores).toHaveLength(1);
  expect(chains(bench.restores[0]!)).toEqual([
    expect.stringMatching(/^KUBE-SEP-/),
    "KUBE-SVC-" + chains(bench.restores[0]!)[1]!.slice(9),
    expect.stringMatching(/^KUBE-SEP-/),
  ]);
  expect(bench.log.fieldsOf("service rules programmed")).toEqual([
    {
      service: "ns/web",
      family: "IPv4",
      cause: "Service",
      why: "endpoint 10.0.0.2:8080 added, endpoint 10.0.0.1:8080 removed (gone)",
      chains: expect.arrayContaining([expect.stringMatching(/^KUBE-SVC-/)]),
      rules: 5,
      endpointsBefore: 1,
      endpoints: 1,
      durationMs: 0,
    },
  ]);
});

it("adopts the rules that it finds and writes nothing", async () => {
  bench.forget();
  proxy = bench.start();
  await proxy.sync(signal);
  expect(bench.restores).toEqual([]);
  expect([bench.v4.saves, bench.v6.saves]).toEqual([2, 2]);
  expect(bench.health.ready).toBe(true);
  expect(bench.log.fieldsOf("rules compared with the kernel")).toMatchObject([
    { why: "all rules are in place; nothing written", rules: 0 },
    { why: "all rules are in place; nothing written", rules: 0 },
  ]);
});

it("rewrites exactly the chain that somebody altered while it was away", async () => {
  bench.v4.chain("nat", "KUBE-SERVICES")!.reverse();
  bench.forget();
  proxy = bench.start();
  await proxy.sync(signal);
  expect(bench.restores).toHaveLength(1);
  expect(chains(bench.restores[0]!)).toEqual(["KUBE-SERVICES"]);
});

it("tells of a Service whose chain was altered while it was away, and of that chain alone", async () => {
  const altered = [...bench.v4.save().matchAll(/^:(KUBE-SVC-\S+)/gm)].map(([, chain = ""]) => chain);
  for (const chain of altered) bench.v4.chain("nat", chain)!.reverse();
  bench.forget();
  proxy = bench.start();
  await proxy.sync(signal);
  expect(bench.log.fieldsOf("service rules programmed")).toMatchObject([
    { service: "ns/web", why: "found altered in the kernel", chains: altered },
  ]);
});

it("follows what changed while it was away and deletes what is left over", async () => {
  bench.state.allSlices.set("ns/web", []);
  bench.forget();
  proxy = bench.start();
  await proxy.sync(signal);
  expect(bench.v4.save()).not.toMatch(/KUBE-(SVC|SEP)-/);
  expect(bench.v4.chain("filter", "KUBE-SERVICES")).toEqual([expect.stringContaining("ns/web:p80 has no endpoints")]);
});

it("leaves foreign chains and rules alone", async () => {
  bench.v4.restore(
    "*nat\n:CNI-X - [0:0]\n-I POSTROUTING 1 -j CNI-X\n-A CNI-X -s 10.0.0.0/8 -j KUBE-MARK-MASQ\nCOMMIT\n",
  );
  proxy = bench.start();
  bench.state.services.delete("ns/web");
  await change();
  expect(bench.v4.chain("nat", "POSTROUTING")![0]).toBe("-j CNI-X");
  expect(bench.v4.chain("nat", "CNI-X")).toHaveLength(1);
});

it("tries again from what the kernel holds when a restore fails", async () => {
  bench.forget();
  bench.v4.failures.push({ code: 4, stdout: "", stderr: "iptables-restore: line 2 failed\n" });
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.2"));
  await change();
  expect(failures()).toEqual([
    expect.stringMatching(/^IPv4 iptables-restore refused the rules at line 2 \(:KUBE-SEP-/),
  ]);
  const healthy = () => [...bench.health.families()].map(([, family]) => family.healthy);
  expect(healthy()).toEqual([true, true]);
  expect(bench.log.fieldsOf("service rules programmed")).toEqual([]);
  bench.clock.advance(61_000);
  expect(healthy()).toEqual([false, true]);
  await proxy.sync(signal);
  expect(bench.log.fieldsOf("service rules programmed")).toMatchObject([{ why: expect.stringContaining("10.0.0.2") }]);
  expect(bench.v4.save()).toContain("--to-destination 10.0.0.2:8080");
  expect(bench.health.ready).toBe(true);
  expect(await bench.metric("sync_proxy_rules_iptables_restore_failures_total")).toMatchObject([
    { value: 1, labels: { ip_family: "IPv4" } },
  ]);
  bench.forget();
  await proxy.sync(signal);
  expect(bench.restores).toEqual([]);
});

it("tries a family that fails by a back-off of its own, which the other's changes do not bring on", async () => {
  const dual = { clusterIPs: ["172.30.0.41", "fd00::41"], ipFamilies: ["IPv4", "IPv6"] };
  bench.state.services.set("ns/web", web(dual));
  const put = async (v4: string, v6: string): Promise<number | undefined> => {
    const other = slice("web-2", [{ name: "p80", port: 8080 }], [{ ip: v6 }]);
    bench.state.allSlices.set("ns/web", [...endpoints(v4), { ...other, addressType: "IPv6" }]);
    proxy.serviceChanged("ns/web");
    return await proxy.sync(signal);
  };
  await put("10.0.0.1", "fd00:244::1");
  bench.forget();
  for (let i = 0; i < 3; i++) bench.v6.failures.push({ code: 1, stdout: "", stderr: "no\n" });
  expect(await put("10.0.0.1", "fd00:244::2")).toBe(500);
  for (const leftMs of [400, 300, 200, 100]) {
    bench.clock.advance(100);
    expect(await put(`10.0.1.${leftMs / 100}`, "fd00:244::2")).toBe(leftMs);
    expect(bench.v4.save()).toContain(`--to-destination 10.0.1.${leftMs / 100}:8080`);
  }
  expect(failures()).toHaveLength(1);
  bench.clock.advance(100);
  expect(await proxy.sync(signal)).toBe(1000);
  bench.clock.advance(1000);
  expect(await proxy.sync(signal)).toBe(2000);
  expect(failures()).toHaveLength(3);

  // Its own may be what mends it; still it has a second's rest.
  bench.clock.advance(400);
  expect(await put("10.0.0.1", "fd00:244::3")).toBe(600);
  bench.v6.failures.push({ code: 1, stdout: "", stderr: "no\n" });
  bench.clock.advance(600);
  expect(await proxy.sync(signal)).toBe(4000);

  // So may a change of the node.
  bench.clock.advance(1000);
  proxy.nodeChanged();
  expect(await proxy.sync(signal)).toBeUndefined();
  expect(bench.v6.save()).toContain("--to-destination [fd00:244::3]:8080");
});

it("counts a restore that fails for whatever cause, and tells of both families", async () => {
  const dualStack = { clusterIPs: ["172.30.0.42", "fd00::42"], ipFamilies: ["IPv4", "IPv6"] };
  bench.state.services.set("ns/web", web(dualStack));
  bench.v4.failures.push({ code: 4, stdout: "", stderr: "Another app is currently holding the xtables lock\n" });
  bench.v6.failures.push({ code: 4, stdout: "", stderr: "Fatal: can't open lock file /run/xtables.lock: No space\n" });
  await change();
  expect(failures().toSorted()).toEqual([
    expect.stringMatching(/^IPv4 iptables-restore: .* has held the lock/),
    expect.stringMatching(/^IPv6 ip6tables-restore: cannot open the lock file/),
  ]);
  const counted = await bench.metric("sync_proxy_rules_iptables_restore_failures_total");
  for (const ip_family of ["IPv4", "IPv6"])
    expect(counted).toContainEqual(expect.objectContaining({ value: 1, labels: { ip_family } }));
});

it("programs all but the Service that the kernel refuses, says so once, and tries it again", async () => {
  bench.state.services.set("ns/other", service("ns/other", { clusterIP: "172.30.0.42", ports: [port("p80", 80)] }));
  bench.state.allSlices.set("ns/other", endpoints("10.0.0.9"));
  bench.v4.kernelRefuses = (rule) => rule.includes("10.0.0.66");
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.66"));
  bench.forget();
  proxy.serviceChanged("ns/other");
  proxy.serviceChanged("ns/web");
  const again = await proxy.sync(signal);
  expect(bench.v4.save()).toContain("--to-destination 10.0.0.9:8080");
  expect(bench.v4.save()).not.toContain("ns/web");
  expect(bench.health.ready).toBe(true);
  expect(bench.log.fieldsOf("service isolated: the kernel refuses its rules")).toEqual([
    { service: "ns/web", family: "IPv4", why: expect.stringContaining("RULE_APPEND failed (Invalid argument)") },
  ]);
  expect(bench.log.fieldsOf("service rules programmed")).toMatchObject([{ service: "ns/other" }]);
  expect(await bench.metric("sync_proxy_rules_iptables_partial_restore_failures_total")).toMatchObject([
    { value: 1, labels: { ip_family: "IPv4" } },
  ]);
  bench.forget();
  bench.clock.advance(again!);
  await proxy.sync(signal);
  expect(bench.log.fieldsOf("service isolated: the kernel refuses its rules")).toEqual([]);
  bench.v4.kernelRefuses = () => false;
  bench.clock.advance((await proxy.sync(signal))!);
  expect(await proxy.sync(signal)).toBeUndefined();
  expect(bench.v4.save()).toContain("--to-destination 10.0.0.66:8080");
  expect(bench.log.fieldsOf("service no longer isolated")).toEqual([{ service: "ns/web", family: "IPv4" }]);
});

it("keeps what is there, fails and turns unhealthy when it finds no Service to leave out", async () => {
  bench.forget();
  bench.v4.kernelRefuses = (rule) => rule.startsWith("-A KUBE-S");
  bench.v4.namesRefusedLines = false;
  const before = bench.v4.save();
  for (let i = 0; i < 40; i++)
    bench.v4.failures.push({ code: 1, stdout: "", stderr: "iptables-restore: line 3 failed\n" });
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.2"));
  await change();
  expect(failures()).toEqual([expect.stringMatching(/^IPv4 iptables-restore refused/)]);
  expect(bench.v4.save()).toBe(before);
  bench.clock.advance(61_000);
  expect(bench.health.ready).toBe(false);
});

it("plans all anew when the node's zone, its addresses or the API servers change", async () => {
  bench.forget();
  bench.state.services.set("ns/web", web({ type: "LoadBalancer" }, ["203.0.113.7"]));
  await change();
  expect(bench.v4.save()).toContain("-d 203.0.113.7/32");
  bench.state.allSlices.set("default/kubernetes", [slice("k", [{ name: "https", port: 80 }], [{ ip: "203.0.113.7" }])]);
  proxy.nodeChanged();
  await proxy.sync(signal);
  expect(bench.v4.save()).not.toContain("203.0.113.7");
  expect(bench.log.fieldsOf("frontend refused")).toEqual([
    {
      service: "ns/web",
      kind: "LoadBalancerIP",
      address: "203.0.113.7",
      port: 80,
      why: "this is the API server's own address and port",
    },
  ]);
});

it("never takes a reserved port of the node, whatever a Service asks for", async () => {
  bench.state.services.set("ns/web", web({ externalIPs: ["192.168.0.2"], ports: [port("p80", 22)] }));
  await change();
  expect(bench.v4.save()).not.toContain("-d 192.168.0.2/32");
  expect(bench.log.fieldsOf("frontend refused")).toMatchObject([{ kind: "ExternalIP", port: 22 }]);
});

it("counts rules, changes and how long a pod's change took", async () => {
  const changedAt = bench.clock.now() + 1000;
  bench.clock.advance(3000);
  proxy.endpointsChanged("ns/web", changedAt);
  expect(await bench.metric("sync_proxy_rules_endpoint_changes_pending")).toMatchObject([{ value: 1 }]);
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.1", "10.0.0.2"));
  await proxy.sync(signal);
  expect(await bench.metric("sync_proxy_rules_endpoint_changes_pending")).toMatchObject([{ value: 0 }]);
  expect(await bench.metric("sync_proxy_rules_iptables_total")).toContainEqual({
    value: 13,
    labels: { table: "nat", ip_family: "IPv4" },
  });
  expect(await bench.metric("network_programming_duration_seconds")).toContainEqual(
    expect.objectContaining({ metricName: "kubeproxy_network_programming_duration_seconds_sum", value: 2 }),
  );
});

it("times a sync with its planning, and one that fails as well", async () => {
  const seconds = async (name: string): Promise<object> => {
    const values = (await bench.metric(name)) as { metricName: string; labels: { ip_family: string }; value: number }[];
    const sums = values.filter(({ metricName }) => metricName.endsWith("_sum"));
    return Object.fromEntries(sums.map(({ labels, value }) => [labels.ip_family, value]));
  };
  bench.health.queued = () => {};
  bench.health.begin = () => bench.clock.advance(2000);
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.2"));
  bench.v4.failures.push({ code: 1, stdout: "", stderr: "no\n" });
  await change();
  expect(failures()).toEqual([expect.stringMatching(/^IPv4 .*no$/)]);
  expect(await seconds("sync_proxy_rules_duration_seconds")).toEqual({ IPv4: 2, IPv6: 2 });
  expect(await seconds("sync_partial_proxy_rules_duration_seconds")).toEqual({ IPv4: 2, IPv6: 2 });
});

it("writes and tells nothing of what came and went between two syncs", async () => {
  bench.forget();
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.2"));
  proxy.endpointsChanged("ns/web", undefined);
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.1"));
  proxy.endpointsChanged("ns/web", undefined);
  bench.state.services.delete("ns/web");
  proxy.serviceChanged("ns/web");
  bench.state.services.set("ns/web", { ...web(), metadata: { ...web().metadata, uid: "another", labels: { a: "b" } } });
  await change();
  expect([bench.restores, bench.log.lines]).toEqual([[], []]);
});

it("plans what changes while it plans with the next sync, each Service in one piece", async () => {
  const keys = Array.from({ length: 200 }, (_, i) => `ns/s${i}`);
  for (const [i, key] of keys.entries()) {
    bench.state.services.set(key, service(key, { clusterIP: `172.30.1.${i}`, ports: [port("p80", 80)] }));
    bench.state.allSlices.set(key, endpoints("10.0.1.1"));
    proxy.serviceChanged(key);
  }
  const syncing = proxy.sync(signal);
  // By now it has read the first of them, and not the last.
  for (const key of [keys[0]!, keys[199]!]) {
    bench.state.services.set(key, service(key, { clusterIP: `172.30.2.${key.length}`, ports: [port("p80", 80)] }));
    bench.state.allSlices.set(key, endpoints("10.0.2.2"));
    proxy.endpointsChanged(key, bench.clock.now());
  }
  await syncing;
  expect(await bench.metric("sync_proxy_rules_endpoint_changes_pending")).toMatchObject([{ value: 2 }]);
  expect(await bench.metric("network_programming_duration_seconds")).toEqual([]);
  const rules = (text: string): number => bench.v4.save().split(text).length - 1;
  expect([rules("--to-destination 10.0.2.2:8080"), rules("-d 172.30.2.5/32")]).toEqual([1, 0]);
  expect([rules("-d 172.30.1.0/32"), rules("-d 172.30.2.7/32"), rules("-d 172.30.1.199/32")]).toEqual([2, 2, 0]);
  await proxy.sync(signal);
  expect([rules("--to-destination 10.0.2.2:8080"), rules("-d 172.30.2.5/32")]).toEqual([2, 2]);
});
