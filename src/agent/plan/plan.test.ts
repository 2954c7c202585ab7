import fc from "fast-check";
import { expect, it } from "vitest";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { type ProxiedService, proxiedService } from "../../model/index.ts";
import { port, service, slice } from "../../model/testing/objects.ts";
import { compileRules } from "../../trace/index.ts";
import { send } from "../../trace/testing/scenario.ts";
import { difference, observe, restoreInput } from "../apply/difference.ts";
import { planService, RulePlanner, type RuleProgram } from "./index.ts";
import { config, fixture, place, programOf, proxied } from "./testing/services.ts";

const program = programOf(fixture.map(proxied));

/** All of a program as restore input for an empty kernel. */
function text(of: RuleProgram): string {
  return [...restoreInput(difference(observe(new Map(), of), of))].map((line) => `${line}\n`).join("");
}

it("writes kube-proxy's layout", async () => {
  await expect(text(program)).toMatchFileSnapshot("testdata/compat.rules");
});

it("writes the same layout for IPv6", async () => {
  const web = service("ns/web", {
    type: "NodePort",
    clusterIP: "fd00:30::41",
    ports: [port("", 80, { nodePort: 30080, protocol: "UDP" })],
    sessionAffinity: "ClientIP",
  });
  const slices = [
    slice("s", [{ name: "", port: 8080, protocol: "UDP" }], [{ ip: "fd00:10::1" }, { ip: "fd00:10::2" }]),
  ];
  const own = {
    ...config,
    localTraffic: { ifLocal: "-s fd00:10::/56", ifNotLocal: "! -s fd00:10::/56" },
    nodePortAddresses: ["fd00:c::1"],
  };
  const of = programOf([proxiedService(web, slices, place)!], "IPv6", own);
  await expect(text(of)).toMatchFileSnapshot("testdata/compat6.rules");
});

it("is accepted as a whole", () => {
  new FakeIptables("IPv4").restore(text(program));
});

const rules = compileRules(program);

it.each([
  ["pod to ClusterIP", "pod", "172.30.0.41:80", "10.180.0.1:80"],
  ["node to ClusterIP", "node", "172.30.0.41:80", "10.180.0.1:80 masqueraded"],
  ["client to ClusterIP", "client", "172.30.0.41:80", "10.180.0.1:80 masqueraded"],
  ["hairpin", "10.180.0.1", "172.30.0.41:80", "10.180.0.1:80 masqueraded"],
  ["another port of the ClusterIP", "pod", "172.30.0.41:81", "ACCEPT"],
  ["client to NodePort", "client", "192.168.0.2:3003", "10.180.0.3:80 masqueraded"],
  ["NodePort on loopback", "localhost", "127.0.0.1:3003", "ACCEPT"],
  ["several endpoints", "pod", "172.30.0.44:80", "10.180.0.4:80, 10.180.0.5:80"],
  ["client to external IP", "client", "192.168.99.33:80", "10.180.0.4:80, 10.180.0.5:80 masqueraded"],
  ["client within the source ranges", "client", "5.6.7.8:80", "10.180.0.3:80, 10.180.0.6:80 masqueraded"],
  ["client outside of the source ranges", "stranger", "5.6.7.8:80", "DROP"],
  ["pod outside of the source ranges", "pod", "5.6.7.8:80", "DROP"],
  ["node within the source ranges", "node", "5.6.7.8:80", "10.180.0.3:80, 10.180.0.6:80 masqueraded"],
  ["the load balancer's address as source", "5.6.7.8", "5.6.7.8:80", "10.180.0.3:80, 10.180.0.6:80 masqueraded"],
  ["NodePort in spite of source ranges", "stranger", "192.168.0.2:3002", "10.180.0.3:80, 10.180.0.6:80 masqueraded"],
  ["ClusterIP without endpoints", "pod", "172.30.0.46:80", "REJECT"],
  ["load balancer without endpoints", "client", "9.10.11.12:80", "REJECT"],
  ["NodePort without endpoints", "client", "192.168.0.2:3006", "REJECT"],
  ["node to NodePort without endpoints", "node", "192.168.0.2:3006", "REJECT"],
  ["policy Local, none here: client", "client", "1.2.3.4:80", "DROP"],
  ["policy Local, none here: NodePort", "client", "192.168.0.2:3001", "DROP"],
  ["policy Local, none here: external IP", "client", "192.168.99.22:80", "DROP"],
  ["policy Local, none here: pod goes round", "pod", "1.2.3.4:80", "10.180.0.2:80"],
  ["policy Local, none here: node goes round", "node", "1.2.3.4:80", "10.180.0.2:80 masqueraded"],
  ["policy Local, none here: ClusterIP", "pod", "172.30.0.42:80", "10.180.0.2:80"],
  ["policy Local: client keeps its address", "client", "192.168.0.2:3008", "10.180.0.8:80"],
  ["policy Local: ClusterIP", "pod", "172.30.0.48:80", "10.180.0.8:80, 10.180.0.9:80"],
  ["internal policy Local, none here", "pod", "172.30.0.47:80", "DROP"],
  ["health check node port", "client", "192.168.0.2:30000", "ACCEPT"],
])("%s", (_what, from, to, result) => {
  expect(send(rules, from, to)).toBe(result);
});

it.each([
  [1, undefined],
  [2, "0.5000000000"],
  [3, "0.3333333333"],
  [6, "0.1666666667"],
  [7, "0.1428571429"],
  [100, "0.0100000000"],
  [999, "0.0010010010"],
])("spreads over %i endpoints evenly: the first rule takes %s", (n, share) => {
  const list = Array.from({ length: n }, (_, i) => ({ ip: `10.180.${i >> 8}.${i & 255}` }));
  const slices = [slice("s", [{ name: "p80", port: 80 }], list)];
  const object = service("ns/svc", { clusterIP: "172.30.0.41", ports: [port("p80", 80)] });
  const plan = planService(proxiedService(object, slices, place)!.ports, config);
  const lines = [...plan.chains].find(([chain]) => chain.startsWith("KUBE-SVC-"))?.[1].slice(1) ?? [];
  const shares = lines.map((line) => /--probability (\S+)/.exec(line)?.[1]);
  expect(shares).toHaveLength(n);
  expect(shares[0]).toBe(share);
  expect(shares.at(-1)).toBeUndefined();
  // What the chain does not take in one rule is left to the next: all get the same in the end.
  let left = 1;
  for (const text of shares) {
    const part = left * Number(text ?? 1);
    expect(part).toBeCloseTo(1 / n, 6);
    left -= part;
  }
});

const arbitraryService = fc
  .record({
    name: fc.constantFrom("a", "b", "c", "d", "e"),
    type: fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer"),
    external: fc.constantFrom("Cluster", "Local"),
    internal: fc.constantFrom("Cluster", "Local"),
    affinity: fc.constantFrom("None", "ClientIP"),
    ranges: fc.subarray(["203.0.113.0/25", "192.168.0.0/16", "10.0.0.0/8"]),
    vips: fc.subarray(["1.2.3.4", "5.6.7.8"]),
    ports: fc.subarray([80, 81], { minLength: 1 }),
    endpoints: fc.subarray([1, 2, 3, 4]),
    node: fc.constantFrom("node-a", "node-b"),
    ready: fc.boolean(),
  })
  .map((s): [string, ProxiedService | undefined] => {
    const key = `ns/${s.name}`;
    const index = s.name.charCodeAt(0);
    const object = service(
      key,
      {
        type: s.type,
        clusterIP: `172.30.0.${index}`,
        externalTrafficPolicy: s.external,
        internalTrafficPolicy: s.internal,
        sessionAffinity: s.affinity,
        loadBalancerSourceRanges: s.ranges,
        ports: s.ports.map((n) =>
          port(`p${n}`, n, s.type === "ClusterIP" ? {} : { nodePort: 30000 + 100 * index + n }),
        ),
      },
      s.type === "LoadBalancer" ? s.vips : [],
    );
    const list = s.endpoints.map((n) => ({
      ip: `10.180.${index}.${n}`,
      node: s.node,
      ready: s.ready,
      terminating: !s.ready,
    }));
    return [
      key,
      proxiedService(
        object,
        [
          slice(
            "s",
            s.ports.map((n) => ({ name: `p${n}`, port: n })),
            list,
          ),
        ],
        place,
      ),
    ];
  });
const arbitraryStep = fc.oneof(
  { weight: 4, arbitrary: arbitraryService },
  {
    weight: 1,
    arbitrary: fc.constantFrom("a", "b", "c").map((name): [string, undefined] => [`ns/${name}`, undefined]),
  },
);

it("plans the same whether step by step or at once, and every program is legal", () => {
  fc.assert(
    fc.property(fc.array(arbitraryStep, { maxLength: 12 }), (steps) => {
      const planner = new RulePlanner("IPv4", config);
      const state = new Map<string, ProxiedService>();
      for (const [key, value] of steps) {
        planner.set(key, value && planService(value.ports, config));
        if (value === undefined) state.delete(key);
        else state.set(key, value);
        const full = programOf([...state.values()].reverse());
        expect(planner.program()).toEqual(full);
      }
      const input = text(planner.program());
      expect(input).toBe(text(programOf([...state.values()])));
      new FakeIptables("IPv4").restore(input);
    }),
    { numRuns: 60 },
  );
});
