import fc from "fast-check";
import { expect, it } from "vitest";
import { difference, observe, restoreInput } from "../agent/apply/difference.ts";
import { fixture, programOf, proxied } from "../agent/plan/testing/services.ts";
import { FakeIptables } from "../kernel/fake-iptables.ts";
import { parseIptablesSave } from "../kernel/index.ts";
import { compileRules, formatTrace, trace } from "./index.ts";
import { machine, rulesFor, serve } from "./testing/scenario.ts";

const packet = { source: "10.0.0.2", destination: "172.30.0.1", protocol: "tcp", port: 80 };
const compiled = compileRules(programOf(fixture.map(proxied)));

it("tells shares, rules and verdicts", () => {
  const { endpoints, outcomes } = trace(compiled, machine, { ...packet, destination: "172.30.0.44" });
  expect(endpoints).toEqual([
    { endpoint: "10.180.0.4:80", share: 0.5, masquerade: false },
    { endpoint: "10.180.0.5:80", share: 0.5, masquerade: false },
  ]);
  expect(outcomes[0]!.rules.map(({ table, chain, number }) => `${table} ${chain.slice(0, 17)} ${number}`)).toEqual([
    "nat PREROUTING 1",
    "nat KUBE-SERVICES 6",
    expect.stringMatching(/^nat KUBE-SVC-\w{8} [23]$/),
    expect.stringMatching(/^nat KUBE-SEP-\w{8} 2$/),
    expect.stringMatching(/^filter FORWARD \d$/),
    expect.stringMatching(/^filter FORWARD \d$/),
    expect.stringMatching(/^filter FORWARD \d$/),
    expect.stringMatching(/^filter FORWARD \d$/),
    "nat POSTROUTING 1",
    "nat KUBE-POSTROUTING 1",
  ]);
});

it("sends a known client to its endpoint alone", () => {
  const to = { ...packet, destination: "172.30.0.45" };
  const first = trace(compiled, machine, to);
  expect(first.endpoints.map(({ endpoint, share }) => [endpoint, share])).toEqual([
    ["10.180.0.3:80", 0.5],
    ["10.180.0.6:80", 0.5],
  ]);
  for (const { destination, rules: passed } of first.outcomes) {
    const known = passed.find(({ chain }) => chain.startsWith("KUBE-SEP-"))!.chain;
    expect(trace(compiled, machine, to, { known }).endpoints).toMatchObject([{ endpoint: destination, share: 1 }]);
  }
});

it("walks a program and what the kernel shows of it alike, and no share gets lost", () => {
  const program = programOf(fixture.map(proxied));
  const kernel = new FakeIptables("IPv4");
  kernel.restore([...restoreInput(difference(observe(new Map(), program), program))].join("\n"));
  const saved = compileRules(parseIptablesSave(kernel.save()));
  const address = fc.constantFrom(
    "192.168.0.2",
    "127.0.0.1",
    "10.0.0.9",
    "203.0.113.2",
    "203.0.113.130",
    "10.180.0.3",
    "10.180.0.8",
    "172.30.0.41",
    "172.30.0.44",
    "172.30.0.45",
    "172.30.0.46",
    "192.168.99.22",
    "192.168.99.33",
    "1.2.3.4",
    "5.6.7.8",
  );
  const packets = fc.record({
    source: address,
    destination: address,
    protocol: fc.constantFrom("tcp", "udp"),
    port: fc.constantFrom(80, 81, 3001, 3002, 3003, 3006, 3008, 30000),
  });
  fc.assert(
    fc.property(packets, (one) => {
      const planned = trace(compiled, machine, one);
      expect(planned.outcomes.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
      const strip = ({ endpoints, outcomes }: typeof planned) => [
        endpoints,
        outcomes.map(({ rules: passed, decidedBy, ...rest }) => [
          rest,
          decidedBy?.number,
          passed.map(({ table, chain, number }) => [table, chain, number]),
        ]),
      ];
      expect(strip(trace(saved, machine, one))).toEqual(strip(planned));
    }),
  );
});

it("draws eight ways and counts the others, but names every endpoint", () => {
  const rules = rulesFor([serve("ns/big", { clusterIP: "172.30.0.1" }, addresses(20))]);
  const lines = formatTrace(trace(rules, machine, packet)).split("\n");
  expect(lines.filter((line) => /^[├└]─ {2,}5\.00 %/.test(line))).toHaveLength(8);
  expect(lines).toContain("and 12 more ways of the same kind");
  const result = lines.slice(lines.indexOf("result:") + 1).filter((line) => line !== "");
  expect(result).toHaveLength(20);
  expect(result[0]).toBe("    5.00 %  10.180.0.10:80, source kept");
});

function addresses(n: number): string[] {
  return Array.from({ length: n }, (_, i) => `10.180.0.${i + 10}`);
}
