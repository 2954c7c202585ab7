import { expect, it } from "vitest";
import { FakeIptables } from "../kernel/fake-iptables.ts";
import { type Exec, type ExecResult, Iptables, inputText, ProgramMissingError } from "../kernel/index.ts";
import { RuleApplier } from "./apply/index.ts";
import { cleanUp } from "./cleanup.ts";
import { chainNames } from "./plan/index.ts";
import { config, fixture, programOf, proxied } from "./plan/testing/services.ts";

const signal = new AbortController().signal;
const program = programOf(fixture.map(proxied));

const others = [
  "*nat",
  ":KUBE-KUBELET-CANARY - [0:0]",
  ":KUBE-MARK-DROP - [0:0]",
  ":CNI-SETMARK - [0:0]",
  "-A CNI-SETMARK -j RETURN",
  "-A KUBE-MARK-DROP -j MARK --or-mark 0x8000",
  "-A POSTROUTING -j CNI-SETMARK",
  "COMMIT",
  "*filter",
  ":KUBE-FIREWALL - [0:0]",
  "-A INPUT -j KUBE-FIREWALL",
  "-A OUTPUT -j KUBE-FIREWALL",
  "-A INPUT -s 10.9.9.9 -j DROP",
  '-A INPUT -s 10.9.9.8 -m comment --comment "before -j KUBE-FORWARD" -j DROP',
  "COMMIT",
  "*mangle",
  ":KUBE-IPTABLES-HINT - [0:0]",
  "COMMIT",
];

/** A machine with some implementations of the tools, one kernel each, and nft tables. */
class Machine implements Exec {
  readonly kernels = new Map<string, FakeIptables>();
  readonly nftTables = new Set<string>();

  constructor(prefixes: readonly string[]) {
    for (const prefix of prefixes)
      this.kernels.set(prefix, new FakeIptables(prefix.startsWith("ip6") ? "IPv6" : "IPv4"));
  }

  async run(program: string, args: readonly string[], options: Parameters<Exec["run"]>[2]): Promise<ExecResult> {
    if (program === "nft") {
      for (const [, table = ""] of inputText(options.stdin).matchAll(/^delete table (.*)$/gm))
        this.nftTables.delete(table);
      if (args[0] === "list")
        return { code: 0, stdout: [...this.nftTables].map((table) => `table ${table}\n`).join(""), stderr: "" };
      return { code: 0, stdout: "", stderr: "" };
    }
    const kernel = this.kernels.get(program.replace(/-(save|restore)$/, ""));
    if (kernel === undefined) throw new ProgramMissingError(program, undefined);
    return kernel.run(program, args, options);
  }
}

async function fill(kernel: FakeIptables): Promise<string> {
  kernel.restore(`${others.join("\n")}\n`);
  const before = kernel.save();
  await new RuleApplier(new Iptables(kernel, "IPv4")).apply(program, signal);
  kernel.restore("*nat\n:BERTH-TRIAL - [0:0]\n:KUBE-SEP-OLDOLDOLDOLDOLD1 - [0:0]\nCOMMIT\n");
  kernel.restores.length = 0;
  return before;
}

it("leaves exactly what was there before, in both implementations, by one restore each", async () => {
  const machine = new Machine(["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"]);
  machine.nftTables.add("ip kube-proxy").add("ip6 kube-proxy").add("ip other");
  const before = new Map<string, string>();
  for (const [name, kernel] of machine.kernels) before.set(name, await fill(kernel));
  const { removed, kept, failed } = await cleanUp(machine, ["IPv4", "IPv6"], signal);
  for (const [name, kernel] of machine.kernels) {
    expect(kernel.save()).toBe(before.get(name));
    expect(kernel.restores).toHaveLength(1);
  }
  expect([kept, failed]).toEqual([[], []]);
  expect(removed).toEqual([
    expect.stringMatching(/^IPv4 \(nft\): \d+ chains and 12 jumps$/),
    expect.stringMatching(/^IPv6 \(nft\)/),
    expect.stringMatching(/^IPv4 \(legacy\)/),
    expect.stringMatching(/^IPv6 \(legacy\)/),
    "nftables: table ip kube-proxy",
    "nftables: table ip6 kube-proxy",
  ]);
  expect([...machine.nftTables]).toEqual(["ip other"]);
  expect(await cleanUp(machine, ["IPv4", "IPv6"], signal)).toEqual({ removed: [], kept: [], failed: [] });
});

it("takes away the chains of one prefix alone", async () => {
  const machine = new Machine(["iptables-nft"]);
  machine.nftTables.add("ip kube-proxy");
  const kernel = machine.kernels.get("iptables-nft")!;
  await fill(kernel);
  kernel.restore("*nat\n:BERTH-TRIAL - [0:0]\n-X BERTH-TRIAL\nCOMMIT\n");
  const before = kernel.save();
  const named = programOf(fixture.map(proxied), "IPv4", { ...config, chains: chainNames("BERTH") });
  await new RuleApplier(new Iptables(kernel, "IPv4")).apply(named, signal);
  const { removed } = await cleanUp(machine, ["IPv4"], signal, { chainPrefix: "BERTH" });
  expect(removed).toEqual([expect.stringMatching(/^IPv4 \(nft\): \d+ chains and 12 jumps$/)]);
  expect(kernel.save()).toBe(before);
  // The tables are those of a kube-proxy that may well live.
  expect([...machine.nftTables]).toEqual(["ip kube-proxy"]);
});

it("keeps what somebody else's chain needs, and what that needs", async () => {
  const machine = new Machine(["iptables-nft"]);
  const kernel = machine.kernels.get("iptables-nft")!;
  await fill(kernel);
  kernel.restore("*nat\n-A CNI-SETMARK -j KUBE-SVC-XPGD46QRK7WJZT7O\nCOMMIT\n");
  const { kept, failed } = await cleanUp(machine, ["IPv4"], signal);
  expect(kept).toEqual([
    "IPv4 (nft): nat KUBE-SVC-XPGD46QRK7WJZT7O (used by CNI-SETMARK)",
    "IPv4 (nft): nat KUBE-MARK-MASQ (used by KUBE-SVC-XPGD46QRK7WJZT7O)",
    "IPv4 (nft): nat KUBE-SEP-SXIVWICOYRO3J4NJ (used by KUBE-SVC-XPGD46QRK7WJZT7O)",
  ]);
  expect(failed).toEqual([]);
  expect([...kernel.save().matchAll(/^:KUBE-(?:SVC|SEP|SERV)\S*/gm)].flat()).toHaveLength(2);
});

it("uses the tools under their plain names when there are no others", async () => {
  const machine = new Machine(["iptables", "ip6tables"]);
  const before = await fill(machine.kernels.get("iptables")!);
  const { removed } = await cleanUp(machine, ["IPv4", "IPv6"], signal);
  expect(removed).toEqual([expect.stringMatching(/^IPv4: /)]);
  expect(machine.kernels.get("iptables")!.save()).toBe(before);
});

it("names what failed, and goes on", async () => {
  const machine = new Machine(["iptables-nft", "iptables-legacy"]);
  for (const kernel of machine.kernels.values()) await fill(kernel);
  machine.kernels
    .get("iptables-nft")!
    .failures.push({ code: 4, stdout: "", stderr: "iptables-restore: line 2 failed\n" });
  const { removed, failed } = await cleanUp(machine, ["IPv4"], signal);
  expect(failed).toMatchObject([{ what: "IPv4 (nft)", error: { message: expect.stringContaining("line 2") } }]);
  expect(removed).toEqual([expect.stringMatching(/^IPv4 \(legacy\)/)]);
});
