import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../base/index.ts";
import {
  addNetns,
  applyNft,
  deleteNetns,
  type Exec,
  flavouredExec,
  Iptables,
  inputText,
  netnsExec,
  netnsPath,
  ProgramKilledError,
  trialChain,
  UnreadableTableError,
} from "../../kernel/index.ts";
import { flavours, host } from "../../kernel/testing/machine.ts";
import { proxiedService } from "../../model/index.ts";
import { port, service, slice } from "../../model/testing/objects.ts";
import { planService, type RuleProgram } from "../plan/index.ts";
import { config, fixture, place, programOf, proxied } from "../plan/testing/services.ts";
import { difference, observe, restoreInput } from "./difference.ts";
import { RuleApplier } from "./index.ts";

const signal = new AbortController().signal;
const services = fixture.map(proxied);
const program = programOf(services);
const empty = programOf([]);
const nothing = { chains: [], removed: [], jumps: [] };

function chainCount(of: RuleProgram): number {
  return [...of.values()].reduce((sum, { chains }) => sum + chains.size, 0);
}

describe.each(flavours)("iptables-%s", (flavour) => {
  const netns = `bt-applier-${randomBytes(4).toString("hex")}`;
  const exec: Exec = flavouredExec(netnsExec(host, netns), flavour);
  const iptables = new Iptables(exec, "IPv4");
  const applier = (): RuleApplier => new RuleApplier(iptables);

  beforeAll(() => addNetns(host, netns, { signal }));
  afterAll(() => deleteNetns(host, netns, { signal }));

  it("holds every kind of Service as written", async () => {
    const first = await applier().apply(program, signal);
    expect(first.chains).toHaveLength(chainCount(program));
    expect(first.jumps).toHaveLength(14);
    expect(await applier().apply(program, signal)).toMatchObject(nothing);
    // Without its Services a node goes back to what it has without any.
    const last = await applier().apply(empty, signal);
    expect(last.removed).toHaveLength(first.chains.length - chainCount(empty));
    expect(await applier().apply(empty, signal)).toMatchObject(nothing);
  });

  it.skipIf(flavour === "legacy")("serves on when rules that others made with nft hide the tables", async () => {
    await applier().apply(empty, signal);
    const foreign = ["ip nat OUTPUT", "ip filter FORWARD"];
    for (const chain of foreign) await applyNft(exec, `add rule ${chain} meta mark set numgen inc mod 2\n`, { signal });
    await expect(iptables.save(signal)).rejects.toThrow(UnreadableTableError);
    const written = await applier().apply(program, signal);
    expect(written).toMatchObject({ unreadable: ["nat", "filter"], jumps: [] });
    for (const chain of foreign) await applyNft(exec, `flush chain ${chain}\n`, { signal });
    // What hid the rest went with the jumps of its chains, and these alone are missing.
    const after = await applier().apply(program, signal);
    expect([after.chains, new Set(after.jumps)]).toEqual([[], new Set(["nat OUTPUT", "filter FORWARD"])]);
  });

  it("holds the same when many new chains are written in several restores", async () => {
    await applier().apply(empty, signal);
    let restores = 0;
    const counting: Exec = {
      run(name, args, options) {
        if (options.stdin !== undefined) restores += 1;
        return exec.run(name, args, options);
      },
    };
    await new RuleApplier(new Iptables(counting, "IPv4"), systemClock, 3).apply(program, signal);
    const fresh = program.get("nat")!.chains.size - empty.get("nat")!.chains.size;
    expect(restores).toBe(flavour === "nft" ? Math.ceil(fresh / 3) + 1 : 1);
    expect(await applier().apply(program, signal)).toMatchObject(nothing);
  });

  it("takes every mode and the longest names, and shows them as written", async () => {
    const long = "a".repeat(253);
    const web = service(
      `${long}/${long}`,
      {
        type: "LoadBalancer",
        clusterIPs: ["172.30.0.50", "fd00:30::50"],
        clusterIP: "172.30.0.50",
        externalTrafficPolicy: "Local",
        loadBalancerSourceRanges: ["203.0.113.0/24", "fd00:cc::/64"],
        healthCheckNodePort: 32000,
        ports: [port(long, 80, { nodePort: 30080 }), port("s", 81, { protocol: "SCTP", nodePort: 30081 })],
      },
      ["1.2.3.4", "fd00:99::1"],
    );
    const slices = ["10.180.0.1", "fd00:10::1"].map((ip) =>
      slice(
        ip,
        [
          { name: long, port: 8080 },
          { name: "s", port: 8081, protocol: "SCTP" },
        ],
        [{ ip, node: place.name }],
      ),
    );
    const odd = proxiedService(web, slices, place)!;
    const modes = {
      localTraffic: { ifLocal: "-i veth+", ifNotLocal: "! -i veth+" },
      localhostNodePorts: true,
      masqueradeBit: 31,
    };
    for (const family of ["IPv4", "IPv6"] as const)
      for (const own of [modes, { ...modes, masqueradeAll: true, randomFully: false, largeCluster: true }]) {
        const program = programOf([odd], family, { ...config, ...own });
        const fresh = (): RuleApplier => new RuleApplier(new Iptables(exec, family));
        await fresh().apply(program, signal);
        expect(await fresh().apply(program, signal)).toMatchObject(nothing);
      }
  });

  it("starts from what is there after a restore was killed between two tables", async () => {
    await applier().apply(empty, signal);
    const killing: Exec = {
      async run(name, args, options) {
        if (!name.endsWith("-restore")) return exec.run(name, args, options);
        const [nat = ""] = inputText(options.stdin).split("*filter");
        const tool = name.replace("-restore", `-${flavour}-restore`);
        const child = spawn("nsenter", [`--net=${netnsPath(netns)}`, "--", tool, ...args]);
        const ended = once(child, "exit");
        child.stdin.write(`${nat}*filter\n:KUBE-SERVICES - [0:0]\n`);
        for (;;) if ((await iptables.save(signal)).get("nat")?.has("KUBE-SVC-XPGD46QRK7WJZT7O")) break;
        child.kill("SIGKILL");
        await ended;
        throw new ProgramKilledError(name, args, "SIGKILL", undefined);
      },
    };
    const interrupted = new RuleApplier(new Iptables(killing, "IPv4"));
    await expect(interrupted.apply(program, signal)).rejects.toThrow(ProgramKilledError);
    const healed = await applier().apply(program, signal);
    expect([...healed.rules.keys()]).toEqual(["filter"]);
    expect(await applier().apply(program, signal)).toMatchObject(nothing);
  });

  it("leaves out the Service whose rule the kernel refuses, and programs all others", async () => {
    await applier().apply(empty, signal);
    const plans = new Map(
      services.map(({ key, ports }) => [
        key,
        planService(
          ports.filter(({ family }) => family === "IPv4"),
          config,
        ),
      ]),
    );
    // What only the kernel knows: there is no such accounting object.
    const bad = { key: "ns3/svc3", match: "-m nfacct --nfacct-name nowhere" };
    const plan = plans.get(bad.key)!;
    const spoilt = new Map(
      [...plan.chains].map(([chain, lines]) => [chain, lines.map((line) => `${bad.match} ${line}`)]),
    );
    plans.set(bad.key, { ...plan, chains: spoilt });
    const nat = program.get("nat")!;
    const wanted: RuleProgram = new Map([
      ...program,
      [
        "nat",
        { ...nat, chains: new Map([...nat.chains].map(([chain, lines]) => [chain, spoilt.get(chain) ?? lines])) },
      ],
    ]);
    const one = applier();
    const written = await one.apply(wanted, signal, () => plans);
    expect(written.isolated.map(({ service }) => service)).toEqual([bad.key]);
    expect(written.isolated[0]?.why).toMatch(/^RULE_APPEND failed \(No such file.*nowhere|^refused at commit/);
    expect(one.dueInMs).toBeGreaterThan(10_000);
    const others = programOf(services.filter(({ key }) => key !== bad.key));
    expect(await applier().apply(others, signal)).toMatchObject(nothing);
    expect([...(await iptables.save(signal)).values()].some((chains) => chains.has(trialChain))).toBe(false);
  });

  it("takes over what another proxy wrote: deletes what is stale, writes only what means something else", async () => {
    await applier().apply(empty, signal);
    const others = [
      "*nat",
      // Kubelet's, an older version's, a plug-in's, and what Services of before have left.
      ...["KUBE-MARK-DROP", "KUBE-XLB-ABCDEFGHIJKLMNOP", "CNI-DN-1", "KUBE-KUBELET-CANARY"].map((c) => `:${c} - [0:0]`),
      ...["KUBE-SVC-STALESTALESTALE0", "KUBE-SEP-STALESTALESTALE1", "KUBE-SVC-USEDUSEDUSEDUSED"].map(
        (c) => `:${c} - [0:0]`,
      ),
      "-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000",
      "-A KUBE-XLB-ABCDEFGHIJKLMNOP -j KUBE-SVC-USEDUSEDUSEDUSED",
      "-A KUBE-SVC-USEDUSEDUSEDUSED -j KUBE-SEP-STALESTALESTALE1",
      "-A KUBE-SVC-STALESTALESTALE0 -j KUBE-SEP-STALESTALESTALE1",
      "-A KUBE-SEP-STALESTALESTALE1 -p tcp -j DNAT --to-destination 10.0.0.9:80",
      "-A PREROUTING -j CNI-DN-1",
      "COMMIT",
      "*filter",
      ":KUBE-FIREWALL - [0:0]",
      "-I INPUT 1 -j KUBE-FIREWALL",
      "-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -j DROP",
      "COMMIT",
    ];
    await iptables.restore(asKubeProxyWrites(program), signal);
    await iptables.restore(others, signal);
    const before = await iptables.save(signal);
    const written = await applier().apply(program, signal);
    expect(written).toMatchObject({
      chains: ["nat KUBE-SVC-USEDUSEDUSEDUSED"],
      removed: ["nat KUBE-SEP-STALESTALESTALE1", "nat KUBE-SVC-STALESTALESTALE0"],
      jumps: [],
    });
    expect(await applier().apply(program, signal)).toMatchObject(nothing);
    const gone = new Set(["KUBE-SVC-STALESTALESTALE0", "KUBE-SEP-STALESTALESTALE1"]);
    expect(await iptables.save(signal)).toEqual(
      new Map(
        [...before].map(([table, chains]) => [
          table,
          new Map(
            [...chains]
              .filter(([chain]) => !gone.has(chain))
              .map(([chain, saved]) => [
                chain,
                chain === "KUBE-SVC-USEDUSEDUSEDUSED" ? { ...saved, rules: [] } : saved,
              ]),
          ),
        ]),
      ),
    );
  });
});

/** The program in the words of kube-proxy in a large cluster: dispatch rows in any order, balancing without comments. */
function asKubeProxyWrites(of: RuleProgram): string[] {
  const rewritten: RuleProgram = new Map(
    [...of].map(([table, { chains, jumps, names }]) => [
      table,
      {
        jumps,
        names,
        chains: new Map(
          [...chains].map(([chain, lines]) => {
            if (/^KUBE-(SVC|SVL|SEP)-/.test(chain))
              return [chain, lines.map((line) => line.replace(/-m comment --comment "[^"]* -> [^"]*" /, ""))];
            const rows = lines.filter((line) => line.includes("--dport"));
            return [chain, [...rows.toReversed(), ...lines.filter((line) => !line.includes("--dport"))]];
          }),
        ),
      },
    ]),
  );
  return [...restoreInput(difference(observe(new Map(), rewritten), rewritten))].filter(
    (line) => !/^-[IN] /.test(line),
  );
}
