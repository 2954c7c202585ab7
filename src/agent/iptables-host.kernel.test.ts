import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addNetns,
  deleteNetns,
  type Exec,
  execOk,
  flavouredExec,
  Iptables,
  inputText,
  netnsExec,
} from "../kernel/index.ts";
import { flavours, host } from "../kernel/testing/machine.ts";
import type { Family } from "../net/index.ts";
import { createMetrics } from "../telemetry/index.ts";
import { registerAccounting } from "./accounting.ts";
import { RuleApplier } from "./apply/index.ts";
import { cleanUp } from "./cleanup.ts";
import { inspectIptables } from "./iptables-host.ts";
import { fixture, programOf, proxied } from "./plan/testing/services.ts";

const signal = new AbortController().signal;
const families: readonly Family[] = ["IPv4", "IPv6"];
const withNfacct = existsSync("/usr/sbin/nfacct");

describe.each(flavours)("iptables-%s", (flavour) => {
  const netns = `bt-host-${randomBytes(4).toString("hex")}`;
  const inside = netnsExec(host, netns);
  const iptables = (family: Family): Iptables => new Iptables(flavouredExec(inside, flavour), family);
  /** The kernel of a node without some match: a rule that has it is one that no kernel takes. */
  const lacking = (match: string): Exec => ({
    run: (program, args, options) =>
      inside.run(program, args, {
        ...options,
        stdin: inputText(options.stdin).replaceAll(`-m ${match} `, `-m nfacct --nfacct-name nowhere -m ${match} `),
      }),
  });

  /** All chains that somebody made and all rules, but for KUBE-FIREWALL, which is kubelet's too and stays. */
  const contents = async (family: Family): Promise<string[]> =>
    [...(await iptables(family).save(signal))].flatMap(([table, chains]) =>
      [...chains]
        .filter(([chain]) => chain !== "KUBE-FIREWALL")
        .flatMap(([chain, { policy, rules }]) => [
          ...(policy === undefined ? [`${table} ${chain}`] : []),
          ...rules.filter((rule) => rule !== "-j KUBE-FIREWALL").map((rule) => `${table} ${chain} ${rule}`),
        ]),
    );

  beforeAll(async () => {
    await addNetns(host, netns, { signal });
    await iptables("IPv4").restore("*mangle\n:KUBE-IPTABLES-HINT - [0:0]\nCOMMIT\n", signal);
  });
  afterAll(() => deleteNetns(host, netns, { signal }));

  it("has all that rules need, and leaves no trace of having been asked", async () => {
    const found = await inspectIptables(inside, families, signal);
    expect(found).toMatchObject({ families, randomFully: true, sessionAffinity: new Set(families) });
    expect(found.accounting).toEqual(new Set(withNfacct ? families : []));
    for (const family of families)
      for (const chains of (await iptables(family).save(signal)).values())
        expect(
          [...chains].filter(([name, chain]) => chain.policy === undefined && name !== "KUBE-IPTABLES-HINT"),
        ).toEqual([]);
  });

  it("names what the kernel lacks, with the remedy, and does without what it can do without", async () => {
    await expect(inspectIptables(lacking("statistic"), families, signal)).rejects.toThrow(
      /does not support what IPv4 rules need: statistic \(.*; load the kernel modules on the node \(modprobe -a xt_statistic\)/,
    );
    const found = await inspectIptables(lacking("recent"), families, signal);
    expect(found.sessionAffinity).toEqual(new Set());
    expect(found.notes.filter(([level]) => level === "warn")).toEqual(
      families.map((family) => ["warn", "done without", { what: "recent", family, why: expect.any(String) }]),
    );
  });

  it.runIf(withNfacct)("counts packets as kube-proxy does, for its metric", async () => {
    await inspectIptables(inside, families, signal);
    const registry = createMetrics();
    registerAccounting(inside, registry, signal);
    await execOk(inside, "ip", ["link", "set", "lo", "up"], { signal });
    const rule = "-p udp -m nfacct --nfacct-name localhost_nps_accepted_pkts";
    await iptables("IPv4").restore(`*filter\n-A OUTPUT ${rule}\nCOMMIT\n`, signal);
    const send = 'const s = require("node:dgram").createSocket("udp4"); s.send("x", 9, "127.0.0.1", () => s.close())';
    await execOk(inside, process.execPath, ["-e", send], { signal });
    expect(await registry.metrics()).toMatch(/^kubeproxy_iptables_localhost_nodeports_accepted_packets_total 1$/m);
    expect(await registry.metrics()).toMatch(/^kubeproxy_iptables_ct_state_invalid_dropped_packets_total 0$/m);
    await iptables("IPv4").restore(`*filter\n-D OUTPUT ${rule}\nCOMMIT\n`, signal);
  });

  it("is what it was before, after cleanup", async () => {
    // Kubelet's, which proxies share and leave.
    const shared = ["*filter", ":KUBE-FIREWALL - [0:0]", "-A INPUT -j KUBE-FIREWALL", "-A OUTPUT -j KUBE-FIREWALL"];
    for (const family of families) await iptables(family).restore([...shared, "COMMIT"], signal);
    const before = await Promise.all(families.map(contents));
    for (const family of families)
      await new RuleApplier(iptables(family)).apply(programOf(fixture.map(proxied), family), signal);
    await execOk(inside, "nft", ["-f", "-"], { signal, stdin: "add table ip kube-proxy\n" });
    const { removed, kept, failed } = await cleanUp(inside, families, signal);
    expect([kept, failed]).toEqual([[], []]);
    expect(removed).toHaveLength(3);
    expect(await Promise.all(families.map(contents))).toEqual(before);
    expect(await cleanUp(inside, families, signal)).toEqual({ removed: [], kept: [], failed: [] });
  });
});
