import { Gauge } from "prom-client";
import { expect, it } from "vitest";
import { createMetrics } from "../../telemetry/index.ts";
import { MemoryLog } from "../../telemetry/testing/memory-log.ts";
import { chainNames, kubePrefix } from "../plan/index.ts";
import { ForeignRules, foreignAbove } from "./foreign-rules.ts";

const jumps = [
  { from: "INPUT", rule: '-m comment --comment "kubernetes portals" -j KUBE-A' },
  { from: "INPUT", rule: "-m conntrack --ctstate NEW -j KUBE-B" },
  { from: "INPUT", rule: "-j KUBE-FIREWALL", shared: true },
] as const;
const [a, b] = ['-m comment --comment "kubernetes portals" -j KUBE-A', "-m conntrack --ctstate NEW -j KUBE-B"];

it.each([
  ["nothing", [], []],
  ["only ours", [a, b], []],
  ["foreign ones below", [a, b, "-j DROP"], []],
  ["one above", ["-s 10.0.0.1/32 -j DROP", a, b], ["-s 10.0.0.1/32 -j DROP"]],
  ["one between", [a, "-j CNI", b, "-j CNI"], ["-j CNI"]],
  ["kubelet's jump above", ["-j KUBE-FIREWALL", a, b], []],
  ["kubelet's jump below", [a, b, "-j CNI", "-j KUBE-FIREWALL"], []],
  ["foreign ones where ours are missing", ["-j CNI", "-j DROP"], []],
  ["a jump of ours that stands twice", [a, b, "-j CNI", a], ["-j CNI"]],
  ["another proxy's jumps", [a.replace("KUBE", "BERTH"), b.replace("KUBE", "BERTH"), a, b], []],
  [
    "what only looks like one",
    ["-j BERTH-A", a.replace("KUBE-A", "BERTH-C"), a],
    ["-j BERTH-A", a.replace("KUBE-A", "BERTH-C")],
  ],
  ["a jump to a chain that only kubelet's has the like of", ["-j DOCKER-FIREWALL", a, b], ["-j DOCKER-FIREWALL"]],
])("finds foreign rules above: %s", (_what, rules, expected) => {
  expect(foreignAbove(rules, jumps, chainNames(kubePrefix))).toEqual(expected);
});

it("tells of each once, counts them and lists them", async () => {
  const registry = createMetrics();
  const log = new MemoryLog();
  const labelNames = ["ip_family", "table", "chain"] as const;
  const foreign = new ForeignRules(new Gauge({ name: "foreign", help: "-", labelNames, registers: [registry] }), log);
  foreign.update("IPv4", "filter", "INPUT", ["-j A"]);
  foreign.update("IPv4", "filter", "INPUT", ["-j B", "-j A", "-j B"]);
  foreign.update("IPv4", "filter", "FORWARD", ["-j A"]);
  const told = log.fields("warn").map(({ chain, rule }) => `${chain} ${rule}`);
  expect(told).toEqual(["INPUT -j A", "INPUT -j B", "FORWARD -j A"]);
  expect(await registry.metrics()).toContain('foreign{ip_family="IPv4",table="filter",chain="INPUT"} 3');
  foreign.update("IPv4", "filter", "INPUT", []);
  expect(foreign.list()).toEqual([{ family: "IPv4", table: "filter", chain: "FORWARD", rule: "-j A" }]);
  foreign.update("IPv4", "filter", "INPUT", ["-j A"]);
  expect(log.lines).toHaveLength(4);
});
