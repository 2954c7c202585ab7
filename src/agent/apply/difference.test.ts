import fc from "fast-check";
import { expect, it } from "vitest";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { canonicalRule, parseIptablesSave } from "../../kernel/index.ts";
import { chainNames, kubePrefix, type RuleProgram } from "../plan/index.ts";
import { difference, observe, restoreInput } from "./difference.ts";

const names = chainNames(kubePrefix);
const jumps = ["A", "B", "C", "D"].map((name) => ({
  from: "INPUT",
  rule: `-m comment --comment ${name} -j KUBE-${name}`,
}));
const program: RuleProgram = new Map([
  ["filter", { chains: new Map(["A", "B", "C", "D"].map((name) => [`KUBE-${name}`, ["-j RETURN"]])), jumps, names }],
]);

function kernel(inputRules: readonly string[], more: readonly string[] = []): FakeIptables {
  const iptables = new FakeIptables("IPv4");
  const chains = ["A", "B", "C", "D"].map((name) => `:KUBE-${name} - [0:0]`);
  iptables.restore(
    ["*filter", ...chains, ...more, ...inputRules.map((rule) => `-A INPUT ${rule}`), "COMMIT"].join("\n"),
  );
  return iptables;
}

function text(lines: Iterable<string>): string {
  return [...lines].join("\n");
}

function heal(iptables: FakeIptables): string {
  return applyTo(iptables, program);
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
  const shared: RuleProgram = new Map(
    [...program].map(([table, own]) => [
      table,
      { ...own, jumps: [{ from: "INPUT", rule: kubelet, shared: true }, ...own.jumps] },
    ]),
  );
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...jumps, ...jumps]),
      fc.array(fc.nat(4), { maxLength: 4 }),
      (present, foreign) => {
        const rules = present.map(({ rule }) => rule);
        for (const at of foreign) rules.splice(at, 0, "-s 10.9.9.9 -j DROP", kubelet);
        const iptables = kernel(rules, [":KUBE-FIREWALL - [0:0]"]);
        const move = (): string => {
          const found = observe(parseIptablesSave(iptables.save()), shared, () => true);
          const input = [...restoreInput(difference(found, shared))].join("\n");
          iptables.restore(input);
          return input;
        };
        move();
        const all = iptables.chain("filter", "INPUT")!;
        expect(all.filter((rule) => rule === kubelet)).toHaveLength(Math.max(1, foreign.length));
        const after = all.filter((rule) => rule !== kubelet);
        expect(after.slice(0, 4).map(canonicalRule)).toEqual(jumps.map(({ rule }) => canonicalRule(rule)));
        expect(after.filter((rule) => rule.includes("10.9.9.9"))).toHaveLength(foreign.length);
        expect(move()).toBe("");
      },
    ),
  );
});

it("lets the jumps of another proxy stand above its own, so that two that want to be on top do not fight", () => {
  const rulesOf = (prefix: string) => jumps.map(({ rule }) => rule.replace("KUBE", prefix));
  const proxies = ["KUBE", "BERTH"].map((prefix): RuleProgram => {
    const own = rulesOf(prefix).map((rule) => ({ from: "INPUT", rule }));
    const chains = new Map(["A", "B", "C", "D"].map((name) => [`${prefix}-${name}`, ["-j RETURN"]]));
    return new Map([["filter", { chains, jumps: own, names: chainNames(prefix) }]]);
  });
  const others = ["A", "B", "C", "D"].flatMap((name) => [`:BERTH-${name} - [0:0]`, `-A BERTH-${name} -j RETURN`]);
  const all = ["-s 10.9.9.9 -j DROP", ...rulesOf("BERTH"), ...rulesOf("KUBE")];
  const iptables = kernel(all, others);
  for (const one of ["A", "B", "C", "D"]) iptables.restore(`*filter\n-A KUBE-${one} -j RETURN\nCOMMIT`);
  const moved = [...proxies, ...proxies].map((proxy) => {
    const found = observe(parseIptablesSave(iptables.save()), proxy, () => true);
    const input = [...restoreInput(difference(found, proxy))].join("\n");
    iptables.restore(input);
    return input !== "";
  });
  expect(moved).toEqual([true, true, false, false]);
  expect(iptables.chain("filter", "INPUT")!.at(-1)).toBe("-s 10.9.9.9 -j DROP");
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

const kubeletJump = { from: "INPUT", rule: "-j KUBE-FIREWALL", shared: true } as const;
const sharing: RuleProgram = new Map([["filter", { ...program.get("filter")!, jumps: [kubeletJump, ...jumps] }]]);
const martians = "-d 127.0.0.0/8 -j DROP";

function applyTo(iptables: FakeIptables, wanted: RuleProgram): string {
  const input = text(restoreInput(difference(observe(parseIptablesSave(iptables.save()), wanted), wanted)));
  iptables.restore(input);
  return input;
}

it("makes the chain that kubelet shares, and its jump above ours, when there is none", () => {
  const iptables = new FakeIptables("IPv4");
  applyTo(iptables, sharing);
  expect(iptables.chain("filter", "KUBE-FIREWALL")).toEqual([]);
  expect(iptables.chain("filter", "INPUT")).toEqual(["-j KUBE-FIREWALL", ...jumps.map(({ rule }) => rule)]);
  expect(applyTo(iptables, sharing)).toBe("");
});

it("leaves kubelet's chain and jump as they are, and lets neither lead ours below foreign rules", () => {
  const iptables = new FakeIptables("IPv4");
  const foreign = "-s 10.9.9.9 -j ACCEPT";
  iptables.restore(
    `*filter\n:KUBE-FIREWALL - [0:0]\n-A KUBE-FIREWALL ${martians}\n-A INPUT ${foreign}\n-A INPUT -j KUBE-FIREWALL\nCOMMIT\n`,
  );
  applyTo(iptables, sharing);
  expect(iptables.chain("filter", "KUBE-FIREWALL")).toEqual([martians]);
  expect(iptables.chain("filter", "INPUT")).toEqual([...jumps.map(({ rule }) => rule), foreign, "-j KUBE-FIREWALL"]);
  expect(applyTo(iptables, sharing)).toBe("");
});

it("never empties a chain that kubelet made in the meantime", () => {
  const iptables = new FakeIptables("IPv4");
  const input = text(restoreInput(difference(observe(parseIptablesSave(iptables.save()), sharing), sharing)));
  iptables.restore(`*filter\n:KUBE-FIREWALL - [0:0]\n-A KUBE-FIREWALL ${martians}\nCOMMIT\n`);
  expect(() => iptables.restore(input)).toThrow("Chain already exists");
  expect(iptables.chain("filter", "KUBE-FIREWALL")).toEqual([martians]);
  applyTo(iptables, sharing);
  expect(iptables.chain("filter", "INPUT")).toHaveLength(5);
});

it("owns the rules of the shared chain when the program has them", () => {
  const owning: RuleProgram = new Map([
    [
      "filter",
      {
        chains: new Map([...program.get("filter")!.chains, ["KUBE-FIREWALL", [martians]]]),
        jumps: [kubeletJump],
        names,
      },
    ],
  ]);
  const iptables = new FakeIptables("IPv4");
  applyTo(iptables, owning);
  expect(iptables.chain("filter", "KUBE-FIREWALL")).toEqual([martians]);
  expect(applyTo(iptables, owning)).toBe("");
});

it("only empties a left-over chain that rules of others use, and deletes it when they do no longer", () => {
  const old = "KUBE-SVC-OLDOLDOLDOLDOLD1";
  const iptables = kernel(
    jumps.map(({ rule }) => rule),
    [`:${old} - [0:0]`, ":CNI-OTHER - [0:0]", `-A ${old} -j ACCEPT`, `-A CNI-OTHER -j ${old}`],
  );
  heal(iptables);
  expect([iptables.chain("filter", old), iptables.chain("filter", "CNI-OTHER")]).toEqual([[], [`-j ${old}`]]);
  expect(heal(iptables)).toBe("");
  iptables.restore("*filter\n:CNI-OTHER - [0:0]\nCOMMIT\n");
  heal(iptables);
  expect(iptables.chain("filter", old)).toBeUndefined();
});
