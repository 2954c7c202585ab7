import fc from "fast-check";
import { expect, it } from "vitest";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { canonicalRule, parseIptablesSave } from "../../kernel/index.ts";
import type { RuleProgram } from "../plan/index.ts";
import { difference, observe, restoreInput } from "./difference.ts";

const jumps = ["A", "B", "C", "D"].map((name) => ({
  from: "INPUT",
  rule: `-m comment --comment ${name} -j KUBE-${name}`,
}));
const program: RuleProgram = new Map([
  ["filter", { chains: new Map(["A", "B", "C", "D"].map((name) => [`KUBE-${name}`, ["-j RETURN"]])), jumps }],
]);

function kernel(inputRules: readonly string[], more: readonly string[] = []): FakeIptables {
  const iptables = new FakeIptables("IPv4");
  const chains = ["A", "B", "C", "D"].map((name) => `:KUBE-${name} - [0:0]`);
  iptables.restore(
    ["*filter", ...chains, ...more, ...inputRules.map((rule) => `-A INPUT ${rule}`), "COMMIT"].join("\n"),
  );
  return iptables;
}

function heal(iptables: FakeIptables): string {
  const input = [...restoreInput(difference(observe(parseIptablesSave(iptables.save()), program), program))].join("\n");
  iptables.restore(input);
  return input;
}

it("inserts what is missing among foreign rules, in order, and then nothing more", () => {
  fc.assert(
    fc.property(fc.subarray(jumps), fc.array(fc.nat(4), { maxLength: 4 }), (present, foreign) => {
      const rules = present.map(({ rule }) => rule);
      for (const at of foreign) rules.splice(at, 0, "-s 10.9.9.9 -j DROP");
      const iptables = kernel(rules);
      heal(iptables);
      const after = iptables.chain("filter", "INPUT")!;
      const ours = after.filter((rule) => !rule.includes("10.9.9.9")).map(canonicalRule);
      expect(ours).toEqual(jumps.map(({ rule }) => canonicalRule(rule)));
      expect(after.length).toBe(jumps.length + foreign.length);
      expect(heal(iptables)).toBe("");
    }),
  );
});

it("puts all jumps on top where they have to be, below kubelet's at most, and then nothing more", () => {
  const kubelet = "-j KUBE-FIREWALL";
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...jumps, ...jumps]),
      fc.array(fc.nat(4), { maxLength: 4 }),
      (present, foreign) => {
        const rules = present.map(({ rule }) => rule);
        for (const at of foreign) rules.splice(at, 0, "-s 10.9.9.9 -j DROP", kubelet);
        const iptables = kernel(rules, [":KUBE-FIREWALL - [0:0]"]);
        const move = (): string => {
          const found = observe(parseIptablesSave(iptables.save()), program, () => true);
          const input = [...restoreInput(difference(found, program))].join("\n");
          iptables.restore(input);
          return input;
        };
        move();
        const after = iptables.chain("filter", "INPUT")!.filter((rule) => rule !== kubelet);
        expect(after.slice(0, 4).map(canonicalRule)).toEqual(jumps.map(({ rule }) => canonicalRule(rule)));
        expect(after.filter((rule) => rule.includes("10.9.9.9"))).toHaveLength(foreign.length);
        expect(move()).toBe("");
      },
    ),
  );
});

it("puts a jump next to its neighbours, not above foreign rules", () => {
  const rules = ["-s 10.9.9.9 -j DROP", ...jumps.map(({ rule }) => rule)];
  for (const missing of [1, 2, 3, 4]) {
    const iptables = kernel(rules.filter((_, i) => i !== missing));
    heal(iptables);
    expect(iptables.chain("filter", "INPUT")).toEqual(rules);
  }
});

it("writes nothing for a program that is held", () => {
  expect([...restoreInput([])]).toEqual([]);
});
