import fc from "fast-check";
import { expect, it } from "vitest";
import type { BalancerConfig } from "./config.ts";
import { readHashes, ruleset } from "./ruleset.ts";

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
  sessionAffinity: { kind: "None" },
  drainSeconds: 300,
};

function rulesOf(
  changes: Partial<BalancerConfig>,
  healthy: readonly string[],
  chain: "balance" | "through" | "refuse",
): string[] {
  const { hash, transactions } = ruleset({ ...config, ...changes }, new Set(healthy));
  const name = chain === "refuse" ? chain : `${chain}-${hash}`;
  const [body = ""] = transactions([]).join("").split(`chain ${name} {\n`).slice(1);
  const [rules = ""] = body.split("\t}");
  return rules.split("\n").flatMap((line) => (line === "" ? [] : line.trim()));
}

it("writes everything at once where nothing was", () => {
  const { hash, transactions } = ruleset(config, new Set(["a", "b", "v4"]));
  const [text, ...more] = transactions([]);
  expect(more).toEqual([]);
  expect(readHashes(text!)).toEqual([hash]);
  expect(text).toBe(`table inet berth-balancer {
	map clients4 { type ipv4_addr : mark; size 262144; flags dynamic,timeout; }
	map clients6 { type ipv6_addr : mark; size 262144; flags dynamic,timeout; }
	chain sanity { type filter hook prerouting priority mangle; policy accept; }
	chain balance { type nat hook prerouting priority dstnat; policy accept; }
	chain through { type filter hook forward priority filter; policy accept; }
	chain return-path { type nat hook postrouting priority srcnat; policy accept; }
	chain refuse { type filter hook input priority filter; policy accept; }
	chain quiet { type filter hook output priority filter; policy accept; }
	chain balance-${hash} { }
	chain through-${hash} { }
}
flush chain inet berth-balancer balance-${hash}
flush chain inet berth-balancer through-${hash}
table inet berth-balancer {
	chain balance-${hash} {
		ip daddr { 10.0.0.5 } meta l4proto tcp dnat ip to numgen random mod 3 map { 0 : 10.1.0.1, 1 : 10.1.0.2, 2 : 10.1.0.3 } : tcp dport map { 80 : 30080, 443 : 30443 }
		ip daddr { 10.0.0.5 } meta l4proto udp dnat ip to numgen random mod 3 map { 0 : 10.1.0.1, 1 : 10.1.0.2, 2 : 10.1.0.3 } : udp dport map { 53 : 30053 }
		ip6 daddr { fd00::5 } meta l4proto tcp dnat ip6 to numgen random mod 2 map { 0 : fd00::11, 1 : fd00::12 } : tcp dport map { 80 : 30080, 443 : 30443 }
		ip6 daddr { fd00::5 } meta l4proto udp dnat ip6 to numgen random mod 2 map { 0 : fd00::11, 1 : fd00::12 } : udp dport map { 53 : 30053 }
	}
	chain through-${hash} {
	}
}
flush chain inet berth-balancer sanity
flush chain inet berth-balancer balance
flush chain inet berth-balancer through
flush chain inet berth-balancer return-path
flush chain inet berth-balancer refuse
flush chain inet berth-balancer quiet
table inet berth-balancer {
	chain sanity {
		ct state invalid ip daddr { 10.0.0.5 } meta l4proto tcp drop
		ct state invalid ip6 daddr { fd00::5 } meta l4proto tcp drop
	}
	chain balance {
		jump balance-${hash}
	}
	chain through {
		jump through-${hash}
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
}
flush map inet berth-balancer clients4
flush map inet berth-balancer clients6
`);
});

it("puts new rules behind the old ones before it removes these", () => {
  const affinity = { kind: "ClientIP", timeoutSeconds: 60 } as const;
  const { hash, transactions } = ruleset({ ...config, sessionAffinity: affinity }, new Set(["a"]));
  const [first = "", second = "", ...more] = transactions(["0ld", "1eft", hash]);
  expect(more).toEqual([]);
  expect(first.trimEnd().split("\n").slice(-2)).toEqual([
    `add rule inet berth-balancer balance jump balance-${hash}`,
    `add rule inet berth-balancer through jump through-${hash}`,
  ]);
  expect(first).not.toContain("flush chain inet berth-balancer balance\n");
  expect(second).not.toContain(`chain balance-${hash}`);
  // Nobody is forgotten.
  expect(second.trimEnd().split("\n").slice(-4)).toEqual([
    "delete chain inet berth-balancer balance-0ld",
    "delete chain inet berth-balancer through-0ld",
    "delete chain inet berth-balancer balance-1eft",
    "delete chain inet berth-balancer through-1eft",
  ]);
});

it("sends nothing to anybody without a healthy target of the family", () => {
  expect(rulesOf({}, [], "balance")).toEqual([]);
  expect(rulesOf({}, ["v4"], "balance").every((rule) => rule.startsWith("ip daddr"))).toBe(true);
});

it("admits the ranges of each family, and tells strangers nothing", () => {
  const ranges = { sourceRanges: ["192.168.0.0/16", "10.0.0.0/8"] };
  const balance = rulesOf(ranges, ["a"], "balance");
  expect(balance).toHaveLength(2);
  for (const rule of balance)
    expect(rule).toMatch(/^ip daddr \{ 10\.0\.0\.5 \} ip saddr \{ 10\.0\.0\.0\/8, 192\.168\.0\.0\/16 \} meta l4proto/);
  expect(rulesOf(ranges, ["a"], "refuse").filter((rule) => rule.endsWith("drop"))).toEqual([
    "ct state new ip daddr { 10.0.0.5 } ip saddr != { 10.0.0.0/8, 192.168.0.0/16 } meta l4proto { tcp, udp } drop",
    "ct state new ip6 daddr { fd00::5 } meta l4proto { tcp, udp } drop",
  ]);
  const [text = ""] = ruleset({ ...config, ...ranges }, new Set(["a"])).transactions([]);
  expect(text.split("\n").filter((line) => line.endsWith("udp drop"))).toEqual([
    "\t\tct original ip daddr { 10.0.0.5 } ct original ip saddr != { 10.0.0.0/8, 192.168.0.0/16 } meta l4proto udp drop",
    "\t\tct original ip6 daddr { fd00::5 } meta l4proto udp drop",
  ]);
});

it("recalls where a client went, sends it elsewhere otherwise, and remembers that", () => {
  const affinity = { sessionAffinity: { kind: "ClientIP", timeoutSeconds: 60 } } as const;
  const marks = "0xe70c2de5 : 10.1.0.2";
  expect(rulesOf({ ...affinity, addresses: ["10.0.0.5"] }, ["a", "b"], "balance").slice(0, 3)).toEqual([
    "ip daddr { 10.0.0.5 } meta mark set ip saddr map @clients4",
    `ip daddr { 10.0.0.5 } meta l4proto tcp dnat ip to meta mark map { 0xe40c292c : 10.1.0.1, ${marks} } : tcp dport map { 80 : 30080, 443 : 30443 }`,
    "ip daddr { 10.0.0.5 } meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.1.0.1, 1 : 10.1.0.2 } : tcp dport map { 80 : 30080, 443 : 30443 }",
  ]);
  expect(rulesOf({ ...affinity, addresses: ["fd00::5"] }, ["a"], "through")).toEqual([
    "ct state new ct original ip6 daddr { fd00::5 } meta mark . ip6 daddr != { 0xe40c292c . fd00::11 } delete @clients6 { ip6 saddr : meta mark }",
    "ct state new ct original ip6 daddr { fd00::5 } meta mark set ip6 daddr map { fd00::11 : 0xe40c292c } update @clients6 { ip6 saddr timeout 60s : meta mark }",
  ]);
});

it("does not depend on any order", () => {
  const shuffled = fc.record({
    ports: fc.shuffledSubarray([...config.ports], { minLength: 3 }),
    targets: fc.shuffledSubarray([...config.targets], { minLength: 3 }),
    addresses: fc.shuffledSubarray([...config.addresses], { minLength: 2 }),
  });
  fc.assert(
    fc.property(shuffled, (order) => {
      const { hash, transactions } = ruleset({ ...config, ...order }, new Set(["b", "a"]));
      const same = ruleset(config, new Set(["a", "b"]));
      expect([hash, transactions([])]).toEqual([same.hash, same.transactions([])]);
    }),
  );
});
