import fc from "fast-check";
import { expect, it } from "vitest";
import type { Exec, ExecResult } from "./index.ts";
import { findIptables } from "./index.ts";
import { chooseFlavour, flavourEvidence } from "./iptables-flavour.ts";
import { formatVersion, isAtLeast, parseIptablesVersion } from "./iptables-version.ts";

const signal = new AbortController().signal;
const evidence = (flavour: "nft" | "legacy", rules: number, hint = false) => ({
  flavour,
  rules,
  hint,
  proxyChains: 0,
});

it.each([
  ["kubelet's chain in nft", [evidence("nft", 0, true), evidence("legacy", 9)], "nft"],
  ["kubelet's chain in legacy", [evidence("nft", 9), evidence("legacy", 0, true)], "legacy"],
  ["kubelet's chains in both", [evidence("nft", 0, true), evidence("legacy", 9, true)], "nft"],
  ["more rules in nft", [evidence("nft", 2), evidence("legacy", 1)], "nft"],
  ["more rules in legacy", [evidence("nft", 2), evidence("legacy", 3)], "legacy"],
  ["no rules at all", [evidence("nft", 0), evidence("legacy", 0)], undefined],
  ["only nft, without rules", [evidence("nft", 0)], undefined],
  ["only legacy, with rules", [evidence("legacy", 1)], "legacy"],
  ["only legacy, without rules", [evidence("legacy", 0)], "legacy"],
  ["neither", [], undefined],
])("chooses by %s", (_what, found, flavour) => {
  expect(chooseFlavour(found).flavour).toBe(flavour);
  expect(chooseFlavour(found.toReversed()).flavour).toBe(flavour);
});

it("sees kubelet's and a proxy's chains, and counts rules", () => {
  const saved = `*mangle
:KUBE-IPTABLES-HINT - [0:0]
COMMIT
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABC - [0:0]
:KUBE-KUBELET-CANARY-NOT - [0:0]
-A KUBE-SERVICES -j ACCEPT
[1:2] -A KUBE-SERVICES -j ACCEPT
COMMIT
`;
  expect(flavourEvidence("nft", saved)).toEqual({ flavour: "nft", hint: true, rules: 1, proxyChains: 2 });
  expect(flavourEvidence("nft", saved.replace(":KUBE-IPTABLES-HINT", ":X")).hint).toBe(false);
});

it.each([
  ["iptables v1.8.9 (nf_tables)", [1, 8, 9], "nft"],
  ["iptables v1.8.9 (legacy)\n", [1, 8, 9], "legacy"],
  ["iptables v1.6.1", [1, 6, 1], "legacy"],
  ["iptables v1.4", [1, 4, 0], "legacy"],
])("reads %j", (text, numbers, flavour) => {
  expect(parseIptablesVersion(text)).toEqual({ numbers, flavour });
});

it("orders versions as numbers", () => {
  const number = fc.nat(20);
  const numbers = fc.tuple(number, number, number);
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      const weight = ([x, y, z]: readonly number[]) => x! * 10_000 + y! * 100 + z!;
      expect(isAtLeast({ numbers: a, flavour: "nft" }, ...b)).toBe(weight(a) >= weight(b));
      expect(parseIptablesVersion(`iptables v${a.join(".")} (legacy)`)?.numbers).toEqual(a);
    }),
  );
  expect(parseIptablesVersion("busybox")).toBeUndefined();
  expect(formatVersion({ numbers: [1, 8, 9], flavour: "nft" })).toBe("1.8.9 (nft)");
});

it.each([
  "iptables-nft-save/1.8.9 (nf_tables) Failed to initialize nft: Protocol not supported\n",
  "iptables-nft-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Invalid argument\n",
])("takes legacy where the kernel has no nf_tables: %s", async (stderr) => {
  const exec: Exec = {
    run: async (program) =>
      program.includes("-legacy")
        ? { code: 0, stdout: program.endsWith("-save") ? "" : "iptables v1.8.9 (legacy)\n", stderr: "" }
        : { code: 1, stdout: "", stderr },
  };
  const { flavour, why } = await findIptables(exec, signal);
  expect({ flavour, why }).toEqual({ flavour: "legacy", why: "the kernel or the tools have no nf_tables" });
});

it("takes the lock for an iptables-restore that does not know how", async () => {
  const calls: string[] = [];
  let code = 0;
  const exec: Exec = {
    async run(program, args): Promise<ExecResult> {
      calls.push([program, ...args].join(" "));
      return { code: program === "flock" ? code : 0, stdout: "iptables v1.6.1\n", stderr: "" };
    },
  };
  const tools = await findIptables(exec, signal);
  await tools.exec.run("iptables-restore", ["--noflush", "-w", "5"], { signal });
  expect(calls.at(-1)).toBe("flock -E 75 -w 5 /run/xtables.lock iptables-restore --noflush");
  code = 75;
  const held = await tools.exec.run("ip6tables-restore", ["--noflush", "-w", "5"], { signal });
  expect(held.stderr).toContain("holding the xtables lock");
  await tools.exec.run("iptables-save", [], { signal });
  expect(calls.at(-1)).toBe("iptables-save");
});
