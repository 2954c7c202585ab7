import fc from "fast-check";
import { expect, it } from "vitest";
import type { BalancerConfig } from "./config.ts";
import { readHash, ruleset } from "./ruleset.ts";

const config: BalancerConfig = {
  addresses: ["10.0.0.5", "fd00::5"],
  ports: [
    { protocol: "UDP", port: 53, nodePort: 30_053 },
    { protocol: "TCP", port: 443, nodePort: 30_443 },
    { protocol: "TCP", port: 80, nodePort: 30_080 },
  ],
  targets: [
    { name: "b", addresses: ["10.1.0.2", "fd00::12"] },
    { name: "a", addresses: ["10.1.0.1", "fd00::11"] },
    { name: "v4", addresses: ["10.1.0.3"] },
  ],
  healthCheck: { port: 10_256, path: "/", intervalMs: 2000, timeoutMs: 3000, unhealthyAfter: 2, healthyAfter: 1 },
  sourceRanges: [],
  sessionAffinity: "None",
};

function rulesOf(changes: Partial<BalancerConfig>, healthy: readonly string[], chain: string): string[] {
  const { text } = ruleset({ ...config, ...changes }, new Set(healthy));
  const [, , body = ""] = text.split(`chain ${chain} {`);
  const [rules = ""] = body.split("\n\t}");
  return rules
    .split("\n")
    .slice(1)
    .map((line) => line.trim());
}

it("exchanges all rules in one transaction and says which they are", () => {
  const { text, hash } = ruleset(config, new Set(["a", "b", "v4"]));
  expect(readHash(text)).toBe(hash);
  expect(text).toBe(`table inet berth-balancer {
	chain admission { type filter hook prerouting priority mangle; policy accept; }
	chain balance { type nat hook prerouting priority dstnat; policy accept; }
	chain return-path { type nat hook postrouting priority srcnat; policy accept; }
	chain refuse { type filter hook input priority filter; policy accept; }
	chain quiet { type filter hook output priority filter; policy accept; }
}
flush table inet berth-balancer
table inet berth-balancer {
	chain admission {
		ct state invalid ip daddr { 10.0.0.5 } meta l4proto tcp drop
		ct state invalid ip6 daddr { fd00::5 } meta l4proto tcp drop
	}
	chain balance {
		ip daddr { 10.0.0.5 } meta l4proto tcp dnat ip to numgen random mod 3 map { 0 : 10.1.0.1, 1 : 10.1.0.2, 2 : 10.1.0.3 } : tcp dport map { 80 : 30080, 443 : 30443 }
		ip daddr { 10.0.0.5 } meta l4proto udp dnat ip to numgen random mod 3 map { 0 : 10.1.0.1, 1 : 10.1.0.2, 2 : 10.1.0.3 } : udp dport map { 53 : 30053 }
		ip6 daddr { fd00::5 } meta l4proto tcp dnat ip6 to numgen random mod 2 map { 0 : fd00::11, 1 : fd00::12 } : tcp dport map { 80 : 30080, 443 : 30443 }
		ip6 daddr { fd00::5 } meta l4proto udp dnat ip6 to numgen random mod 2 map { 0 : fd00::11, 1 : fd00::12 } : udp dport map { 53 : 30053 }
	}
	chain return-path {
		ct status dnat masquerade fully-random
	}
	chain refuse {
		ct state new ip daddr { 10.0.0.5 } meta l4proto tcp reject with tcp reset
		ct state new ip daddr { 10.0.0.5 } meta l4proto udp reject with icmpx type port-unreachable
		ct state new ip6 daddr { fd00::5 } meta l4proto tcp reject with tcp reset
		ct state new ip6 daddr { fd00::5 } meta l4proto udp reject with icmpx type port-unreachable
	}
	chain quiet {
		icmp type redirect drop
		icmpv6 type nd-redirect drop
	}
	chain hash {
		return comment "${hash}"
	}
}
`);
});

it("sends nothing to anybody without a healthy target of the family", () => {
  expect(rulesOf({}, [], "balance")).toEqual([]);
  expect(rulesOf({}, ["v4"], "balance").every((rule) => rule.startsWith("ip daddr"))).toBe(true);
});

it("admits the ranges of each family to itself", () => {
  expect(rulesOf({ sourceRanges: ["192.168.0.0/16", "10.0.0.0/8"] }, ["a"], "admission")).toEqual([
    "ct state invalid ip daddr { 10.0.0.5 } meta l4proto tcp drop",
    "ct state new ip daddr { 10.0.0.5 } meta l4proto { tcp, udp } ip saddr != { 10.0.0.0/8, 192.168.0.0/16 } drop",
    "ct state invalid ip6 daddr { fd00::5 } meta l4proto tcp drop",
    "ct state new ip6 daddr { fd00::5 } meta l4proto { tcp, udp } drop",
  ]);
});

it("writes a map of slots for ClientIP affinity", () => {
  const [rule = ""] = rulesOf({ sessionAffinity: "ClientIP" }, ["a", "b"], "balance");
  expect(rule).toMatch(
    /^ip daddr \{ 10\.0\.0\.5 \} meta l4proto tcp dnat ip to jhash ip saddr mod 1024 seed 0x\w+ map \{ 0 : /,
  );
  expect(rule.match(/ : 10\.1\.0\.[12]/g)).toHaveLength(1024);
});

it("does not depend on any order", () => {
  const shuffled = fc.record({
    ports: fc.shuffledSubarray([...config.ports], { minLength: 3 }),
    targets: fc.shuffledSubarray([...config.targets], { minLength: 3 }),
    addresses: fc.shuffledSubarray([...config.addresses], { minLength: 2 }),
  });
  fc.assert(
    fc.property(shuffled, (order) => {
      expect(ruleset({ ...config, ...order }, new Set(["b", "a"]))).toEqual(ruleset(config, new Set(["a", "b"])));
    }),
  );
});
