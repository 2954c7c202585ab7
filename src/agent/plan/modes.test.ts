import { describe, expect, it } from "vitest";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { proxiedService } from "../../model/index.ts";
import { port, service, slice } from "../../model/testing/objects.ts";
import type { Family } from "../../net/index.ts";
import { difference, observe, restoreInput } from "../apply/difference.ts";
import { isLargeCluster, type PlanConfig, planService, RulePlanner, type RuleProgram } from "./index.ts";
import { config, fixture, place, programOf, proxied } from "./testing/services.ts";

const services = fixture.map(proxied);

function programWith(own: Partial<PlanConfig>, family: Family = "IPv4"): RuleProgram {
  return programOf(services, family, { ...config, ...own });
}

function chain(program: RuleProgram, table: "nat" | "filter", name: string): readonly string[] | undefined {
  return program.get(table)?.chains.get(name);
}

const markRules = (mark: string) => ({
  "KUBE-MARK-MASQ": [`-j MARK --or-mark ${mark}`],
  "KUBE-POSTROUTING": [
    `-m mark ! --mark ${mark}/${mark} -j RETURN`,
    `-j MARK --xor-mark ${mark}`,
    '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
  ],
  "KUBE-FORWARD": [
    "-m conntrack --ctstate INVALID -j DROP",
    `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`,
    '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  ],
});

it.each([
  [0, "0x1"],
  [14, "0x4000"],
  [31, "0x80000000"],
])("marks with bit %i", (masqueradeBit, mark) => {
  const program = programWith({ masqueradeBit });
  for (const [name, lines] of Object.entries(markRules(mark)))
    expect(chain(program, name === "KUBE-FORWARD" ? "filter" : "nat", name)).toEqual(lines);
});

it.each([
  [true, "-j MASQUERADE --random-fully"],
  [false, "-j MASQUERADE"],
])("random source ports: %s", (randomFully, end) => {
  expect(chain(programWith({ randomFully }), "nat", "KUBE-POSTROUTING")![2]).toBe(
    `-m comment --comment "kubernetes service traffic requiring SNAT" ${end}`,
  );
});

it.each([
  [true, false, ["-m conntrack --ctstate INVALID -j DROP"]],
  [true, true, ["-m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP"]],
  [false, true, []],
])("drops invalid packets: %s, counts them: %s", (dropInvalid, accounting, lines) => {
  expect(chain(programWith({ dropInvalid, accounting }), "filter", "KUBE-FORWARD")!.slice(0, -2)).toEqual(lines);
});

const cni = { ifLocal: "-i cni0", ifNotLocal: "! -i cni0" };
const toSvc1 = '-m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80';

it.each<[string, Partial<PlanConfig>, string[], string[]]>([
  ["pods known by prefix", {}, [`${toSvc1} ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ`], ["-s 10.0.0.0/8"]],
  ["pods known by interface", { localTraffic: cni }, [`${toSvc1} ! -i cni0 -j KUBE-MARK-MASQ`], ["-i cni0"]],
  ["pods not known", { localTraffic: undefined }, [], []],
  ["all masqueraded", { masqueradeAll: true }, [`${toSvc1} -j KUBE-MARK-MASQ`], ["-s 10.0.0.0/8"]],
  [
    "all masqueraded, pods not known",
    { masqueradeAll: true, localTraffic: undefined },
    [`${toSvc1} -j KUBE-MARK-MASQ`],
    [],
  ],
])("masquerade and short cut with %s", (_what, own, masquerade, shortCut) => {
  const program = programWith(own);
  expect(chain(program, "nat", "KUBE-SVC-XPGD46QRK7WJZT7O")!.slice(0, -1)).toEqual(masquerade);
  expect(chain(program, "nat", "KUBE-EXT-GNZBNJ2PO5MGZ6GT")!.filter((line) => line.includes("pod traffic"))).toEqual(
    shortCut.map(
      (match) =>
        `-m comment --comment "pod traffic for ns2/svc2:p80 external destinations" ${match} -j KUBE-SVC-GNZBNJ2PO5MGZ6GT`,
    ),
  );
});

describe("NodePorts", () => {
  const last = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"';
  const jumps = (own: Partial<PlanConfig>, family: Family = "IPv4"): string[] =>
    chain(programWith(own, family), "nat", "KUBE-SERVICES")!
      .filter((line) => line.endsWith("-j KUBE-NODEPORTS"))
      .map((line) => line.slice(last.length + 1, -" -j KUBE-NODEPORTS".length));

  it.each<[string, Partial<PlanConfig>, Family, string[]]>([
    ["not loopback", {}, "IPv4", ["-m addrtype --dst-type LOCAL ! -d 127.0.0.0/8"]],
    ["loopback too", { localhostNodePorts: true }, "IPv4", ["-m addrtype --dst-type LOCAL"]],
    ["never loopback of IPv6", { localhostNodePorts: true }, "IPv6", ["-m addrtype --dst-type LOCAL ! -d ::1/128"]],
    ["some addresses", { nodePortAddresses: ["192.168.0.2", "127.0.0.1"] }, "IPv4", ["-d 192.168.0.2", "-d 127.0.0.1"]],
    ["no address", { nodePortAddresses: [] }, "IPv4", []],
  ])("answer on %s", (_what, own, family, expected) => {
    expect(jumps(own, family)).toEqual(expected);
    const lines = chain(programWith(own, family), "nat", "KUBE-SERVICES")!;
    expect(lines.slice(lines.length - expected.length)).toEqual(expected.map((m) => `${last} ${m} -j KUBE-NODEPORTS`));
  });

  const row = '-m comment --comment "ns3/svc3:p80" -m tcp -p tcp';
  const counted = `${row} -d 127.0.0.0/8 --dport 3003 -m nfacct --nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT-X27LE4BHSL4DOUIK`;
  const open = `${row} --dport 3003 -j KUBE-EXT-X27LE4BHSL4DOUIK`;

  it.each([
    [true, true, [counted, open]],
    [true, false, [open]],
    [false, true, [open]],
  ])("on loopback: %s, counted: %s", (localhostNodePorts, accounting, expected) => {
    const lines = chain(programWith({ localhostNodePorts, accounting }), "nat", "KUBE-NODEPORTS")!;
    expect(lines.filter((line) => line.includes("svc3"))).toEqual(expected);
  });
});

it("guards loopback only where NodePorts answer there", () => {
  const martians =
    '-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';
  expect(chain(programWith({ localhostNodePorts: true }), "filter", "KUBE-FIREWALL")).toEqual([martians]);
  expect(chain(programWith({ localhostNodePorts: true }, "IPv6"), "filter", "KUBE-FIREWALL")).toBeUndefined();
  expect(chain(programWith({}), "filter", "KUBE-FIREWALL")).toBeUndefined();
  for (const program of [programWith({}), programWith({ localhostNodePorts: true }), programWith({}, "IPv6")])
    expect(
      program
        .get("filter")!
        .jumps.filter(({ rule }) => rule === "-j KUBE-FIREWALL")
        .map(({ from }) => from),
    ).toEqual(["INPUT", "OUTPUT"]);
});

it("opens the health check node port as long as the Service has it", () => {
  const planner = new RulePlanner("IPv4", config);
  const set = (spec: object): void => {
    const object = service("ns/web", {
      type: "LoadBalancer",
      clusterIP: "10.96.0.7",
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 30_000,
      ports: [port("http", 80, { nodePort: 30_080 }), port("https", 443, { nodePort: 30_443 })],
      ...spec,
    });
    planner.set("ns/web", planService(proxiedService(object, [], place)!.ports, config));
  };
  const rows = (): readonly string[] => chain(planner.program(), "filter", "KUBE-NODEPORTS")!;
  set({});
  expect(rows()).toEqual([
    '-m comment --comment "ns/web:http health check node port" -m tcp -p tcp --dport 30000 -j ACCEPT',
    '-m comment --comment "ns/web:https health check node port" -m tcp -p tcp --dport 30000 -j ACCEPT',
  ]);
  set({ externalTrafficPolicy: "Cluster" });
  expect(rows()).toEqual([]);
  set({ healthCheckNodePort: 30_001 });
  expect(rows()).toHaveLength(2);
  planner.set("ns/web", undefined);
  expect(rows()).toEqual([]);
});

describe("a large cluster", () => {
  it.each([
    [0, false],
    [1000, false],
    [1001, true],
  ])("of %i endpoints: %s", (endpoints, large) => {
    expect(isLargeCluster(endpoints)).toBe(large);
  });

  it("goes without the comments of rules of endpoints, and of no others", () => {
    const comment = /^-m comment --comment "[^"]*" /;
    const small = programWith({});
    const large = programWith({ largeCluster: true });
    for (const table of ["nat", "filter", "mangle"] as const) {
      const chains = [...small.get(table)!.chains];
      expect([...large.get(table)!.chains]).toEqual(
        chains.map(([name, lines]) => [
          name,
          lines.map((line) =>
            name.startsWith("KUBE-SEP-") || line.includes("-j KUBE-SEP-") ? line.replace(comment, "") : line,
          ),
        ]),
      );
    }
    expect(chain(large, "nat", "KUBE-SVC-NUKIZ6OKUXPJNT4C")).toEqual([
      expect.stringContaining("cluster IP"),
      expect.stringMatching(/^-m recent --name KUBE-SEP-/),
      expect.stringMatching(/^-m recent --name KUBE-SEP-/),
      expect.stringMatching(/^-m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-/),
      expect.stringMatching(/^-j KUBE-SEP-/),
    ]);
  });
});

it("lets nobody in when no source range could be read", () => {
  const object = service(
    "ns/web",
    { type: "LoadBalancer", clusterIP: "10.96.0.7", ports: [port("http", 80)], loadBalancerSourceRanges: ["all"] },
    ["1.2.3.4"],
  );
  const slices = [slice("s", [{ name: "http", port: 80 }], [{ ip: "10.0.0.1" }])];
  const plan = planService(proxiedService(object, slices, place)!.ports, config);
  expect([...plan.chains].find(([name]) => name.startsWith("KUBE-FW-"))?.[1]).toEqual([
    '-m comment --comment "other traffic to ns/web:http will be dropped by KUBE-PROXY-FIREWALL"',
  ]);
  expect(plan.rows.get("filter KUBE-PROXY-FIREWALL")).toHaveLength(1);
});

it.each<[string, Partial<PlanConfig>]>([
  ["everything on", { localhostNodePorts: true, accounting: true, masqueradeAll: true, largeCluster: true }],
  ["everything off", { localTraffic: undefined, dropInvalid: false, randomFully: false, nodePortAddresses: [] }],
])("is accepted as a whole with %s", (_what, own) => {
  for (const family of ["IPv4", "IPv6"] as const) {
    const program = programWith(own, family);
    const input = [...restoreInput(difference(observe(new Map(), program), program))];
    new FakeIptables(family).restore(input.join("\n"));
  }
});
