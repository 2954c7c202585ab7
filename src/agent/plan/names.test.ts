import fc from "fast-check";
import { expect, it } from "vitest";
import { chainName, chainNames, isChainPrefix, isServiceChain } from "./names.ts";
import { config, fixture, programOf, proxied } from "./testing/services.ts";

it.each([
  ["ns1/svc1:p80tcp", "XPGD46QRK7WJZT7O"],
  ["ns1/svc1:p80tcp10.180.0.1:80", "SXIVWICOYRO3J4NJ"],
  ["default/kubernetes:httpstcp", "NPX46M4PTMTKRN6Y"],
  ["kube-system/kube-dns:dnsudp", "TCOU7JCQXEZGVUNU"],
])("hashes %s as kube-proxy does", (text, hash) => {
  expect(chainName("KUBE-SVC-", text)).toBe(`KUBE-SVC-${hash}`);
});

it.each(["A", "KUBE", "BERTH", "ABCDEFG"])("takes %s for a prefix", (text) => {
  expect(isChainPrefix(text)).toBe(true);
});

it.each(["", "ABCDEFGH", "kube", "KUBE-", "K1", "K X", "K\nX", "CNI", "DOCKER", "É"])("takes %j for none", (text) => {
  expect(isChainPrefix(text)).toBe(false);
});

const prefixes = fc
  .array(fc.constantFrom("A", "B", "E", "K", "R", "T", "U", "Z"), { minLength: 1, maxLength: 7 })
  .map((letters) => letters.join(""))
  .filter(isChainPrefix);

it("names all chains by the prefix, within iptables' limit, and says else what it says for kube-proxy", () => {
  const services = fixture.map(proxied);
  const own = { ...config, localhostNodePorts: true };
  const usual = programOf(services, "IPv4", own);
  fc.assert(
    fc.property(prefixes, (prefix) => {
      const named = programOf(services, "IPv4", { ...own, chains: chainNames(prefix) });
      // Of the names of kube-proxy's chains only that of kubelet's is left.
      const renamed = (text: string): string => text.replaceAll(/\bKUBE-(?!FIREWALL\b)/g, `${prefix}-`);
      for (const [table, { chains, jumps }] of usual) {
        const others = named.get(table)!;
        const sorted = (all: Iterable<readonly [string, readonly string[]]>) =>
          [...all].sort(([a], [b]) => (a < b ? -1 : 1));
        expect(sorted(others.chains)).toEqual(
          sorted([...chains].map(([chain, lines]) => [renamed(chain), lines.map(renamed)])),
        );
        expect(others.jumps).toEqual(jumps.map((jump) => ({ ...jump, rule: renamed(jump.rule) })));
        for (const chain of others.chains.keys()) expect(chain.length).toBeLessThanOrEqual(28);
      }
    }),
    { numRuns: 20 },
  );
});

it("takes no chain of another prefix for one of its own", () => {
  fc.assert(
    fc.property(prefixes, prefixes, (one, other) => {
      const chains = [...programOf(fixture.map(proxied), "IPv4", { ...config, chains: chainNames(other) }).values()];
      const found = chains.flatMap((table) =>
        [...table.chains.keys()].filter((chain) => isServiceChain(chain, chainNames(one))),
      );
      expect(found.length > 0).toBe(one === other);
    }),
    { numRuns: 50 },
  );
});
