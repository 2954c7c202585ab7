import fc from "fast-check";
import { expect, it } from "vitest";
import type { EndpointSlice, Service } from "../../api/index.ts";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { parseRule, type RuleOption } from "../../kernel/index.ts";
import { endpointName, type ProxiedService, proxiedService } from "../../model/index.ts";
import { difference, observe, restoreInput } from "../apply/difference.ts";
import { config, programOf } from "./testing/services.ts";

// Whatever texts the API server hands out: each planned rule is one line that says what was meant and nothing else.

const snippets = [
  "\n-A INPUT -j ACCEPT",
  "\r\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n",
  '" -j ACCEPT -m comment --comment "',
  "\\",
  '"',
  "'",
  " ",
  "\t",
  "!",
  "-j",
  "--dport 22",
  "\u0000",
  "\u2028",
  "\u0085",
  "é",
  "$(id)",
  "%s",
  "#",
  "/",
  ":",
  "*nat",
];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...snippets), fc.stringMatching(/^[a-z0-9-]{1,5}$/), fc.string({ maxLength: 4 })), {
    maxLength: 4,
  })
  .map((parts) => parts.join(""));

/** Mostly right, so that there are rules to look at. */
function mostly<T>(...right: readonly T[]): fc.Arbitrary<T | string> {
  return fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...right) }, { weight: 1, arbitrary: hostile });
}

const name = mostly("web", "a-b.c", "a".repeat(253));
const address = mostly("10.0.0.1", "10.0.0.2", "192.0.2.1", "010.0.0.1", "fd00::1", "::ffff:10.0.0.3");
const portNumber = fc.oneof(
  { weight: 5, arbitrary: mostly<unknown>(80, 443, 65_535) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 1.5, Number.NaN, null) },
);

const objects = fc.record({
  namespace: name,
  name,
  type: mostly("ClusterIP", "NodePort", "LoadBalancer"),
  clusterIPs: fc.array(address, { minLength: 1, maxLength: 2 }),
  ipFamilies: fc.oneof(fc.constant([]), fc.array(mostly("IPv4", "IPv6"), { maxLength: 2 })),
  externalIPs: fc.array(address, { maxLength: 2 }),
  ingress: fc.array(fc.record({ ip: address, ipMode: mostly<unknown>("VIP", null) }), { maxLength: 2 }),
  ranges: fc.array(mostly("10.0.0.0/8", "192.0.2.0/024", "fd00::/8", "0.0.0.0/0"), { maxLength: 2 }),
  externalTrafficPolicy: mostly("Local", "Cluster"),
  internalTrafficPolicy: mostly("Local", "Cluster"),
  sessionAffinity: mostly("ClientIP", "None"),
  seconds: portNumber,
  healthCheckNodePort: portNumber,
  ports: fc.array(
    fc.record({
      name: mostly("http", "", "dns"),
      protocol: mostly("TCP", "UDP", "SCTP"),
      port: portNumber,
      nodePort: portNumber,
    }),
    { minLength: 1, maxLength: 3 },
  ),
  endpoints: fc.array(fc.record({ address, nodeName: mostly("node-a", "node-b"), zone: mostly("zone-a") }), {
    maxLength: 3,
  }),
  endpointPort: portNumber,
});

type Objects = typeof objects extends fc.Arbitrary<infer T> ? T : never;

function build(o: Objects): [Service, EndpointSlice[]] {
  const object = {
    metadata: { namespace: o.namespace, name: o.name },
    spec: {
      type: o.type,
      clusterIP: o.clusterIPs[0],
      clusterIPs: o.clusterIPs,
      ipFamilies: o.ipFamilies,
      externalIPs: o.externalIPs,
      loadBalancerSourceRanges: o.ranges,
      externalTrafficPolicy: o.externalTrafficPolicy,
      internalTrafficPolicy: o.internalTrafficPolicy,
      sessionAffinity: o.sessionAffinity,
      sessionAffinityConfig: { clientIP: { timeoutSeconds: o.seconds } },
      healthCheckNodePort: o.healthCheckNodePort,
      ports: o.ports,
    },
    status: { loadBalancer: { ingress: o.ingress } },
  };
  const slices = ["IPv4", "IPv6"].map((addressType) => ({
    metadata: { name: addressType, namespace: o.namespace },
    addressType,
    ports: o.ports.map(({ name: portName, protocol }) => ({ name: portName, protocol, port: o.endpointPort })),
    endpoints: o.endpoints.map(({ address: ip, nodeName, zone }) => ({
      addresses: [ip],
      nodeName,
      hints: { forZones: [{ name: zone }] },
    })),
  }));
  return [object as unknown as Service, slices as unknown as EndpointSlice[]];
}

/** Every value that a rule of the Service may hold, by option; what no option needs is not allowed. */
function allowed({ ports }: ProxiedService): Record<string, ReadonlySet<string>> {
  const frontends = ports.flatMap((port) => port.frontends);
  const endpoints = ports.flatMap((port) => port.endpoints);
  const texts = (list: readonly unknown[]): Set<string> => new Set(list.map(String));
  return {
    "-d": texts([...frontends.map(({ address: to }) => to), "127.0.0.0/8", "::1/128"]),
    "-s": texts([
      ...ports.flatMap((port) => port.sourceRanges ?? []),
      ...endpoints.map((endpoint) => endpoint.address),
      ...frontends.map(({ address: to }) => to),
      "10.0.0.0/8",
    ]),
    "--dport": texts([...frontends.map(({ port }) => port), ...ports.map((port) => port.healthCheckNodePort)]),
    "--to-destination": texts(endpoints.map(endpointName)),
    "--seconds": texts(ports.map((port) => port.affinitySeconds)),
    "-p": new Set(["tcp", "udp", "sctp"]),
  };
}

const flags: ReadonlySet<string> = new Set(["--rcheck", "--reap", "--set", "--random-fully"]);
const fixed: ReadonlySet<string> = new Set([
  "--name",
  "--mode",
  "--probability",
  "--dst-type",
  "--src-type",
  "--comment",
]);
const verdicts = /^(DROP|REJECT|DNAT|KUBE-[A-Z0-9-]+)$/;

function checkOption({ name: option, values }: RuleOption, may: Record<string, ReadonlySet<string>>): void {
  expect(values).toHaveLength(flags.has(option) ? 0 : 1);
  const [value = ""] = values;
  if (flags.has(option) || fixed.has(option)) expect(value).not.toMatch(/[^ -~]|["\\]/);
  else expect([...(may[option] ?? [])]).toContain(value);
}

it("writes one line for each rule, with the very words that were meant, and leaves out the rest with a reason", () => {
  let written = 0;
  fc.assert(
    fc.property(objects, (o) => {
      const [object, slices] = build(o);
      const service = proxiedService(object, slices, { name: "node-a", zone: "zone-a" });
      if (service === undefined) return;
      const kept = new Set(service.ports.map(({ name: kept, protocol }) => `${kept} ${protocol}`));
      const names = new Set(o.ports.map((port) => `${port.name} ${port.protocol}`));
      if (kept.size < names.size) expect(service.refused).not.toBeUndefined();
      const may = allowed(service);
      for (const family of ["IPv4", "IPv6"] as const) {
        const program = programOf([service], family);
        const empty = programOf([], family);
        const lines: string[] = [];
        for (const [table, { chains }] of program)
          for (const [chain, rules] of chains) {
            const before = empty.get(table)!.chains.get(chain);
            for (const line of rules) {
              lines.push(line);
              if (before?.includes(line)) continue;
              written += 1;
              expect(line).toMatch(/^[ -~]+$/);
              const rule = parseRule(line);
              for (const option of [
                rule.options,
                ...rule.matches.map((match) => match.options),
                rule.target?.options ?? [],
              ].flat())
                checkOption(option, may);
              if (`${table} ${chain}` === "filter KUBE-NODEPORTS") expect(rule.target?.name).toBe("ACCEPT");
              else if (rule.target !== undefined) expect(rule.target.name).toMatch(verdicts);
            }
          }
        const input = [...restoreInput(difference(observe(new Map(), program), program))];
        expect(input.filter((line) => line.startsWith("-A "))).toHaveLength(lines.length);
        new FakeIptables(family).restore(input.join("\n"));
      }
    }),
    { numRuns: 300 },
  );
  expect(written).toBeGreaterThan(1000);
});

it("keeps comments within what the kernel takes", () => {
  const long = "a".repeat(253);
  const object = {
    metadata: { namespace: long, name: long },
    spec: { clusterIP: "10.96.0.7", ports: [{ name: long, port: 80, protocol: "TCP" }] },
  };
  const program = programOf([proxiedService(object, [], { name: "n", zone: undefined })!], "IPv4", config);
  const [line = ""] = program.get("filter")!.chains.get("KUBE-SERVICES")!;
  expect(parseRule(line)).toMatchObject({
    matches: [{ name: "comment", options: [{ values: [`${long}/a`] }] }, { name: "tcp" }],
    target: { name: "REJECT" },
  });
});
